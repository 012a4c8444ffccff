"""What an approval leads to, by the kind of the request, and a rejection where it leads to anything.

Each runs in the transaction of the decision, under the lock of the request.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import text

from app.core import ledger
from app.core.accounts.models import PLATFORM_ID, MemberRole
from app.core.approvals.errors import (
    LastAdmin,
    StartsTooSoon,
)
from app.core.approvals.models import ADMINS_MIN, ApprovalKind
from app.core.catalog.commission import ANNOUNCED
from app.core.ledger import Journal, JournalKind, Leg
from app.core.payments.disputes import DisputeBearer
from app.core.promotions.rules import CampaignTerms
from app.core.promotions.rules import refuse_unsound as refuse_unsound_campaign
from app.kernel.timers import Timer
from app.kernel.transaction import Transaction
from app.kernel.wire import Row
from app.usecases.billing.outcomes import decide_outcome
from app.usecases.billing.settle import set_bank_account
from app.usecases.disputing.answer import accept_dispute
from app.usecases.disputing.bear import bear_dispute
from app.usecases.promoting.campaigns import put_live
from app.usecases.reconciling.resolve import resolve_mismatch
from app.usecases.saving.term_end import TermTerms, put_on_sale, refuse_unsound
from app.usecases.settling.pay_out import reject_payout, release_payout
from app.usecases.tending_tills.shop_desks import appoint, end_desk

COMMISSION_STARTS = "commission_starts"
"""Timer: the day of an approved commission rate has come."""


_SHANGHAI = ZoneInfo("Asia/Shanghai")
_STARTS_WITHIN = timedelta(days=366)


_ADMINS = text(
    """
    SELECT account_id FROM memberships WHERE organization_kind = 'platform' AND role = 'admin'
    ORDER BY account_id FOR UPDATE
    """
)


_GIVE_ROLE = text(
    """
    INSERT INTO memberships (account_id, organization_kind, organization_id, role)
    VALUES (:subject_id, 'platform', :platform_id, :role)
    ON CONFLICT (account_id, organization_kind, organization_id) DO UPDATE SET role = excluded.role
    """
)


_TAKE_ROLE = text("DELETE FROM memberships WHERE account_id = :subject_id AND organization_kind = 'platform'")


_START = text(
    """
    UPDATE shops AS s SET commission_bp = CAST(p.body ->> 'commission_bp' AS bigint) FROM approvals AS p
    WHERE p.approval_id = :approval_id AND p.state = 'approved' AND s.shop_id = CAST(p.body ->> 'shop_id' AS uuid)
    """
)


_ADD_RULE = text(
    """
    INSERT INTO commission_rules (rule_id, scope, shop_id, vertical, rate_bp, least_fen, cap_fen, starts_on, ends_on,
        announced_at)
    SELECT :rule_id, b.scope, b.shop_id, b.vertical, b.rate_bp, b.least_fen, b.cap_fen, b.starts_on, b.ends_on,
        business_now()
    FROM jsonb_to_record(CAST(:body AS jsonb)) AS b (scope text, shop_id uuid, vertical text, rate_bp bigint,
        least_fen bigint, cap_fen bigint, starts_on date, ends_on date)
    """
)


def start_commission(tx: Transaction, approval_id: UUID) -> None:
    """Let an approved commission rate begin; orders that are placed keep the rate that they were placed at."""
    tx.execute(_START, {"approval_id": approval_id})


def refuse_start(starts_on: date, now: datetime) -> None:
    """Refuse a commission that could not be announced in time, or begins too far ahead.

    :raises StartsTooSoon: it does.
    """
    today = now.astimezone(_SHANGHAI).date()
    if not today + ANNOUNCED <= starts_on <= today + _STARTS_WITHIN:
        raise StartsTooSoon(pointer="/starts_on")


def _correct(tx: Transaction, row: Row) -> None:
    amount_fen = int(row.body["amount_fen"])
    legs = (Leg(row.body["from_account"], -amount_fen), Leg(row.body["to_account"], amount_fen))
    ledger.post(
        tx,
        Journal(key=f"correction:{row.approval_id}", kind=JournalKind.CORRECTION, legs=legs, ref=str(row.approval_id)),
    )


def _set_commission(tx: Transaction, row: Row) -> None:
    starts_on = date.fromisoformat(row.body["starts_on"])
    refuse_start(starts_on, row.now)
    first_minute = datetime.combine(starts_on, datetime.min.time(), _SHANGHAI)
    tx.schedule(Timer(COMMISSION_STARTS, row.approval_id, first_minute - row.now))


def _release(tx: Transaction, row: Row) -> None:
    release_payout(tx, UUID(row.body["payout_id"]))


def _turn_down_payout(tx: Transaction, row: Row) -> None:
    reject_payout(tx, UUID(row.body["payout_id"]))


def _decide_bill(tx: Transaction, row: Row) -> None:
    decide_outcome(tx, UUID(row.body["bill_payment_id"]), is_paid=bool(row.body["is_paid"]))


def _set_biller_account(tx: Transaction, row: Row) -> None:
    set_bank_account(
        tx,
        biller_id=UUID(row.body["biller_id"]),
        target_sealed=row.body["target_sealed"],
        tail=row.body["tail"],
        changed_by=row.requested_by,
    )


def _resolve(tx: Transaction, row: Row) -> None:
    resolve_mismatch(tx, UUID(row.body["item_id"]))


def _accept_dispute(tx: Transaction, row: Row) -> None:
    accept_dispute(tx, UUID(row.body["dispute_id"]))


def _bear_dispute(tx: Transaction, row: Row) -> None:
    bear_dispute(tx, row.approval_id, UUID(row.body["dispute_id"]), DisputeBearer(row.body["bearer"]))


def _launch_term(tx: Transaction, row: Row) -> None:
    instants = {name: datetime.fromisoformat(row.body[name]) for name in ("opens_at", "closes_at")}
    days = {name: date.fromisoformat(row.body[name]) for name in ("value_on", "matures_on")}
    terms = TermTerms(**{**row.body, **instants, **days})
    refuse_unsound(terms, row.now)
    put_on_sale(tx, row.approval_id, terms)


def _launch_campaign(tx: Transaction, row: Row) -> None:
    instants = {name: datetime.fromisoformat(row.body[name]) for name in ("starts_at", "ends_at")}
    community_id = row.body["community_id"]
    place = {"community_id": None if community_id is None else UUID(community_id)}
    terms = CampaignTerms(**{**row.body, **instants, **place})
    refuse_unsound_campaign(terms, row.now)
    put_live(tx, row.approval_id, terms)


def _add_rule(tx: Transaction, row: Row) -> None:
    refuse_start(date.fromisoformat(row.body["starts_on"]), row.now)
    tx.execute(_ADD_RULE, {"rule_id": row.approval_id, "body": orjson.dumps(row.body).decode()})


def _appoint_desk(tx: Transaction, row: Row) -> None:
    appoint(tx, row.approval_id, shop_id=UUID(row.body["shop_id"]), deposit_fen=int(row.body["deposit_fen"]))


def _end_desk(tx: Transaction, row: Row) -> None:
    end_desk(tx, UUID(row.body["desk_id"]))


def _set_role(tx: Transaction, row: Row) -> None:
    subject_id, role = UUID(row.body["account_id"]), row.body["role"]
    admins = set(tx.execute(_ADMINS).scalars())
    if role != MemberRole.ADMIN and subject_id in admins and len(admins) <= ADMINS_MIN:
        raise LastAdmin(admins_min=ADMINS_MIN)
    if role is None:
        tx.execute(_TAKE_ROLE, {"subject_id": subject_id})
    else:
        tx.execute(_GIVE_ROLE, {"subject_id": subject_id, "platform_id": PLATFORM_ID, "role": role})


EXECUTE: Mapping[ApprovalKind, Callable[[Transaction, Row], None]] = {
    ApprovalKind.CORRECTION: _correct,
    ApprovalKind.COMMISSION_RATE: _set_commission,
    ApprovalKind.STAFF_ROLE: _set_role,
    ApprovalKind.COMMISSION_RULE: _add_rule,
    ApprovalKind.PAYOUT: _release,
    ApprovalKind.MISMATCH: _resolve,
    ApprovalKind.TERM_PRODUCT: _launch_term,
    ApprovalKind.BILL_OUTCOME: _decide_bill,
    ApprovalKind.BILLER_ACCOUNT: _set_biller_account,
    ApprovalKind.DISPUTE_ACCEPTANCE: _accept_dispute,
    ApprovalKind.DISPUTE_LOSS: _bear_dispute,
    ApprovalKind.CAMPAIGN: _launch_campaign,
    ApprovalKind.SHOP_DESK: _appoint_desk,
    ApprovalKind.SHOP_DESK_END: _end_desk,
}
TURN_DOWN: Mapping[ApprovalKind, Callable[[Transaction, Row], None]] = {ApprovalKind.PAYOUT: _turn_down_payout}
"""What a rejection leads to, where it leads to anything."""
