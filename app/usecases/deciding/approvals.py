"""Ask for what needs a second pair of eyes, and decide about what another asked for (双人复核).

The decision and what it leads to are one transaction, under the lock of the request: it happens once, or not at all.
Lock order: the request, then memberships, then ledger accounts.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import text

from app.core import ledger
from app.core.accounts.errors import NotPermitted
from app.core.accounts.models import PLATFORM_ID, MemberRole
from app.core.accounts.permissions import Part, holders
from app.core.approvals.errors import (
    ApprovalClosed,
    ApprovalNotFound,
    CorrectionInvalid,
    LastAdmin,
    OwnApproval,
    RuleInvalid,
    StartsTooSoon,
    SubjectNotFound,
)
from app.core.approvals.models import ADMINS_MIN, LIFETIME, ApprovalKind, ApprovalState
from app.core.bills.errors import BillerNotFound, BillOutcomeKnown, BillOutcomeTooEarly, BillPaymentNotFound
from app.core.bills.states import DECIDED_AFTER_DAYS, OPEN_BILL_STATES, BillPaymentState
from app.core.catalog.commission import ANNOUNCED, RuleScope
from app.core.communities.errors import CommunityNotFound
from app.core.ledger import Journal, JournalKind, Leg
from app.core.ledger.chart import CHART
from app.core.payments.errors import ItemResolved, MismatchNotFound
from app.core.payments.reconciliation import ItemState
from app.core.promotions.rules import CampaignTerms
from app.core.promotions.rules import refuse_unsound as refuse_unsound_campaign
from app.core.settlement.errors import PayoutNotFound, PayoutNotWaiting
from app.core.settlement.payouts import TARGET_CONTEXT, BankTarget
from app.core.settlement.states import PayoutState
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.sealing import seal
from app.kernel.timers import Timer
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction
from app.kernel.wire import Row
from app.usecases.billing.outcomes import decide_outcome
from app.usecases.billing.settle import set_bank_account
from app.usecases.promoting.campaigns import put_live
from app.usecases.reconciling.resolve import resolve_mismatch
from app.usecases.saving.term_end import TermTerms, put_on_sale, refuse_unsound
from app.usecases.settling.pay_out import reject_payout, release_payout

COMMISSION_STARTS = "commission_starts"
"""Timer: the day of an approved commission rate has come."""

_SHANGHAI = ZoneInfo("Asia/Shanghai")
_STARTS_WITHIN = timedelta(days=366)
_DECIDES: Mapping[ApprovalKind, str] = {
    ApprovalKind.CORRECTION: "correction.decide",
    ApprovalKind.COMMISSION_RATE: "commission.decide",
    ApprovalKind.STAFF_ROLE: "staff.decide",
    ApprovalKind.COMMISSION_RULE: "commission.decide",
    ApprovalKind.PAYOUT: "payout.decide",
    ApprovalKind.MISMATCH: "reconciliation.decide",
    ApprovalKind.TERM_PRODUCT: "term.decide",
    ApprovalKind.BILL_OUTCOME: "reconciliation.decide",
    ApprovalKind.BILLER_ACCOUNT: "payout.decide",
    ApprovalKind.CAMPAIGN: "campaign.decide",
}
"""The verb that decides about each kind, beside that of the route."""

_MEMBER = "m.organization_kind = 'platform' AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))"
_ASK = opening(
    f"""
    SELECT business_now() AS now,
        EXISTS (SELECT 1 FROM shops AS s WHERE s.shop_id = CAST(:shop_id AS uuid)) AS is_shop,
        EXISTS (SELECT 1 FROM accounts AS a WHERE a.account_id = CAST(:subject_id AS uuid) AND a.state = 'active')
            AS is_account,
        CAST(:community_id AS uuid) IS NULL OR EXISTS (
            SELECT 1 FROM communities AS c WHERE c.community_id = CAST(:community_id AS uuid)) AS is_community,
        (SELECT p.state FROM payouts AS p WHERE p.payout_id = CAST(:payout_id AS uuid)) AS payout_state,
        (SELECT i.state FROM recon_items AS i WHERE i.item_id = CAST(:item_id AS uuid)) AS item_state,
        EXISTS (SELECT 1 FROM billers AS r WHERE r.biller_id = CAST(:biller_id AS uuid)) AS is_biller,
        b.state AS bill_state, b.requested_at <= business_now() - CAST(:bill_days AS bigint) * interval '1 day'
            AS is_bill_silent
    FROM memberships AS m LEFT JOIN bill_payments AS b ON b.bill_payment_id = CAST(:bill_payment_id AS uuid)
    WHERE {_MEMBER} FOR SHARE OF m
    """
)
_ADD = closing(
    """
    made AS (
        INSERT INTO approvals (approval_id, kind, body, why, state, requested_by, requested_at, expires_at)
        VALUES (:approval_id, :kind, CAST(:body AS jsonb), :why, 'open', :account_id, clock_timestamp(),
            clock_timestamp() + :lifetime)
    )"""
)
_LOCK = opening(
    f"""
    SELECT p.approval_id, p.kind, p.body, p.why, p.state, p.requested_by, p.expires_at <= clock_timestamp() AS is_over,
        m.role, business_now() AS now
    FROM approvals AS p JOIN memberships AS m ON {_MEMBER} WHERE p.approval_id = :approval_id FOR UPDATE OF p
    """
)
_DECIDE = closing(
    """
    decided AS (
        UPDATE approvals SET state = :state, decided_by = :account_id, decided_at = clock_timestamp()
        WHERE approval_id = :approval_id AND state = 'open'
    )"""
)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalMoved:
    """Where a request stands."""

    approval_id: UUID
    kind: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """Move money between two ledger accounts, by their codes."""

    from_account: str
    to_account: str
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CommissionRate:
    """Let a shop's commission be ``commission_bp`` from the first minute of a day in Shanghai."""

    shop_id: UUID
    commission_bp: int
    starts_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class CommissionRule:
    """Let lines that are placed in a span of days have a rate, with least and most for one line, fen."""

    scope: str
    shop_id: UUID | None
    vertical: str | None
    rate_bp: int
    least_fen: int
    cap_fen: int | None
    starts_on: date
    ends_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffRole:
    """Give an account a role at the platform, or none."""

    account_id: UUID
    role: MemberRole | None


def ask_correction(actor: Actor, claim: Claim, *, why: str, wish: Correction) -> ApprovalMoved:
    """Ask for a correction of balances.

    :raises CorrectionInvalid: the two accounts are one, or one is of no kind in the chart.
    """
    kinds = {kind.kind for kind in CHART}
    codes = (wish.from_account, wish.to_account)
    if wish.from_account == wish.to_account or any(code.partition(":")[0] not in kinds for code in codes):
        raise CorrectionInvalid
    return _ask(actor, claim, ApprovalKind.CORRECTION, lambda _row: None, why=why, body=asdict(wish))


def ask_commission_rate(actor: Actor, claim: Claim, *, why: str, wish: CommissionRate) -> ApprovalMoved:
    """Ask for a commission rate.

    :raises SubjectNotFound: no such shop. :raises StartsTooSoon: not tomorrow or later, or not within a year.
    """

    def check(row: Row) -> None:
        if not row.is_shop:
            raise SubjectNotFound(pointer="/shop_id")
        _refuse_start(wish.starts_on, row.now)

    return _ask(actor, claim, ApprovalKind.COMMISSION_RATE, check, why=why, body=asdict(wish), shop_id=wish.shop_id)


def ask_commission_rule(actor: Actor, claim: Claim, *, why: str, wish: CommissionRule) -> ApprovalMoved:
    """Ask for a commission rule.

    :raises RuleInvalid: it names what its scope does not have, or its bounds are crossed.
    :raises SubjectNotFound: no such shop. :raises StartsTooSoon: it could not be announced in time.
    """
    wants_shop, wants_vertical = wish.scope == RuleScope.SHOP, wish.scope == RuleScope.VERTICAL
    if wants_shop != (wish.shop_id is not None) or wants_vertical > (wish.vertical is not None):
        raise RuleInvalid(pointer="/scope")
    if wants_shop and wish.vertical is not None:
        raise RuleInvalid(pointer="/vertical")
    if wish.cap_fen is not None and wish.cap_fen < wish.least_fen:
        raise RuleInvalid(pointer="/cap_fen")
    if wish.ends_on is not None and wish.ends_on < wish.starts_on:
        raise RuleInvalid(pointer="/ends_on")

    def check(row: Row) -> None:
        if wants_shop and not row.is_shop:
            raise SubjectNotFound(pointer="/shop_id")
        _refuse_start(wish.starts_on, row.now)

    return _ask(actor, claim, ApprovalKind.COMMISSION_RULE, check, why=why, body=asdict(wish), shop_id=wish.shop_id)


def ask_staff_role(actor: Actor, claim: Claim, *, why: str, wish: StaffRole) -> ApprovalMoved:
    """Ask for a change of somebody's role at the platform.

    :raises SubjectNotFound: no such active account. :raises OwnApproval: it is the asker's own.
    """

    def check(row: Row) -> None:
        if not row.is_account:
            raise SubjectNotFound(pointer="/account_id")
        if wish.account_id == actor.account_id:
            raise OwnApproval(pointer="/account_id")

    return _ask(actor, claim, ApprovalKind.STAFF_ROLE, check, why=why, body=asdict(wish), subject_id=wish.account_id)


def ask_payout_release(actor: Actor, claim: Claim, *, why: str, payout_id: UUID) -> ApprovalMoved:
    """Ask for a large payout to be sent to the bank.

    :raises PayoutNotFound: no such payout. :raises PayoutNotWaiting: it does not wait for two people.
    """

    def check(row: Row) -> None:
        if row.payout_state is None:
            raise PayoutNotFound
        if row.payout_state != PayoutState.REQUESTED:
            raise PayoutNotWaiting(state=row.payout_state)

    body = {"payout_id": payout_id}
    return _ask(actor, claim, ApprovalKind.PAYOUT, check, why=why, body=body, payout_id=payout_id)


def ask_resolution(actor: Actor, claim: Claim, *, why: str, item_id: UUID) -> ApprovalMoved:
    """Ask for a mismatch of reconciliation to be resolved.

    :raises MismatchNotFound: no such item. :raises ItemResolved: it was resolved before.
    """

    def check(row: Row) -> None:
        if row.item_state is None:
            raise MismatchNotFound
        if row.item_state != ItemState.OPEN:
            raise ItemResolved

    body = {"item_id": item_id}
    return _ask(actor, claim, ApprovalKind.MISMATCH, check, why=why, body=body, item_id=item_id)


def ask_bill_outcome(actor: Actor, claim: Claim, *, why: str, bill_payment_id: UUID, is_paid: bool) -> ApprovalMoved:
    """Ask for a payment of a bill to be ended, of which its biller has not said for days what became of it.

    :param is_paid: whether the biller has it; if not, the money goes back.
    :raises BillPaymentNotFound: no such payment. :raises BillOutcomeKnown: it has ended.
    :raises BillOutcomeTooEarly: it has not been unknown for :data:`DECIDED_AFTER_DAYS`.
    """

    def check(row: Row) -> None:
        if row.bill_state is None:
            raise BillPaymentNotFound
        if BillPaymentState(row.bill_state) not in OPEN_BILL_STATES:
            raise BillOutcomeKnown(state=row.bill_state)
        if row.bill_state == BillPaymentState.DEBITED or not row.is_bill_silent:
            raise BillOutcomeTooEarly(days=DECIDED_AFTER_DAYS)

    body = {"bill_payment_id": bill_payment_id, "is_paid": is_paid}
    kind = ApprovalKind.BILL_OUTCOME
    return _ask(actor, claim, kind, check, why=why, body=body, bill_payment_id=bill_payment_id)


def ask_biller_account(actor: Actor, claim: Claim, *, why: str, biller_id: UUID, target: BankTarget) -> ApprovalMoved:
    """Ask for a biller's money to go to a bank account.

    :raises BillerNotFound: no such biller.
    """

    def check(row: Row) -> None:
        if not row.is_biller:
            raise BillerNotFound

    sealed = seal(orjson.dumps(target).decode(), context=TARGET_CONTEXT)
    body = {"biller_id": biller_id, "tail": target.number[-4:], "target_sealed": sealed}
    return _ask(actor, claim, ApprovalKind.BILLER_ACCOUNT, check, why=why, body=body, biller_id=biller_id)


def ask_term_product(actor: Actor, claim: Claim, *, why: str, wish: TermTerms) -> ApprovalMoved:
    """Ask for a term product to be put on sale.

    :raises TermTermsInvalid: its terms contradict each other, or its opening is not ahead.
    """

    def check(row: Row) -> None:
        refuse_unsound(wish, row.now)

    return _ask(actor, claim, ApprovalKind.TERM_PRODUCT, check, why=why, body=asdict(wish))


def ask_campaign(actor: Actor, claim: Claim, *, why: str, wish: CampaignTerms) -> ApprovalMoved:
    """Ask for a campaign of any budget.

    :raises CampaignTermsInvalid: its terms contradict each other. :raises CommunityNotFound: it is for none there is.
    """

    def check(row: Row) -> None:
        if not row.is_community:
            raise CommunityNotFound(pointer="/community_id")
        refuse_unsound_campaign(wish, row.now)

    body, community_id = asdict(wish), wish.community_id
    return _ask(actor, claim, ApprovalKind.CAMPAIGN, check, why=why, body=body, community_id=community_id)


def approve(actor: Actor, claim: Claim, *, approval_id: UUID) -> ApprovalMoved:
    """Approve what another asked for; it happens with the same commit.

    :raises OwnApproval: the decider asked for it, or it is about the decider.
    :raises ApprovalClosed: it was decided, or its time is over.
    """
    return _decide(actor, claim, approval_id, ApprovalState.APPROVED)


def reject(actor: Actor, claim: Claim, *, approval_id: UUID) -> ApprovalMoved:
    """Reject what another asked for; money that waited for it is let go. Errors as :func:`approve`."""
    return _decide(actor, claim, approval_id, ApprovalState.REJECTED)


def start_commission(tx: Transaction, approval_id: UUID) -> None:
    """Let an approved commission rate begin; orders that are placed keep the rate that they were placed at."""
    tx.execute(_START, {"approval_id": approval_id})


def _ask(
    actor: Actor,
    claim: Claim,
    kind: ApprovalKind,
    check: Callable[[Row], None],
    *,
    why: str,
    body: Mapping[str, Any],
    shop_id: UUID | None = None,
    subject_id: UUID | None = None,
    payout_id: UUID | None = None,
    item_id: UUID | None = None,
    bill_payment_id: UUID | None = None,
    biller_id: UUID | None = None,
    community_id: UUID | None = None,
) -> ApprovalMoved:
    with transaction(claim) as tx:
        row = tx.open_one(
            _ASK,
            {
                **actor.as_member,
                "shop_id": shop_id,
                "subject_id": subject_id,
                "payout_id": payout_id,
                "item_id": item_id,
                "bill_payment_id": bill_payment_id,
                "bill_days": DECIDED_AFTER_DAYS,
                "biller_id": biller_id,
                "community_id": community_id,
            },
        )
        if row is None:
            raise NotPermitted
        check(row)
        moved = ApprovalMoved(approval_id=new_id(), kind=kind.value, state=ApprovalState.OPEN.value)
        tx.describe(why=why, whom_id=subject_id, details={"kind": kind.value, **_told(body)})
        tx.keep(moved)
        tx.close(
            _ADD,
            {
                "approval_id": moved.approval_id,
                "kind": kind.value,
                "body": orjson.dumps(body).decode(),
                "why": why,
                "account_id": actor.account_id,
                "lifetime": LIFETIME[kind],
            },
        )
    return moved


def _decide(actor: Actor, claim: Claim, approval_id: UUID, state: ApprovalState) -> ApprovalMoved:
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK, {**actor.as_member, "approval_id": approval_id})
        if row is None:
            raise ApprovalNotFound
        kind = ApprovalKind(row.kind)
        if Part(row.role) not in holders(actor.side, _DECIDES[kind]):
            raise NotPermitted
        if str(actor.account_id) in {str(row.requested_by), row.body.get("account_id")}:
            raise OwnApproval
        if row.state != ApprovalState.OPEN or row.is_over:
            raise ApprovalClosed(state="expired" if row.state == ApprovalState.OPEN else row.state)
        whom = UUID(row.body["account_id"]) if kind is ApprovalKind.STAFF_ROLE else None
        moved = ApprovalMoved(approval_id=approval_id, kind=row.kind, state=state.value)
        tx.describe(why=row.why, whom_id=whom, details={"kind": row.kind, **_told(row.body)})
        tx.keep(moved)
        if state is ApprovalState.APPROVED:
            _EXECUTE[kind](tx, row)
        elif kind in _TURN_DOWN:
            _TURN_DOWN[kind](tx, row)
        tx.close(_DECIDE, {"approval_id": approval_id, "account_id": actor.account_id, "state": state.value})
    return moved


def _correct(tx: Transaction, row: Row) -> None:
    amount_fen = int(row.body["amount_fen"])
    legs = (Leg(row.body["from_account"], -amount_fen), Leg(row.body["to_account"], amount_fen))
    ledger.post(
        tx,
        Journal(key=f"correction:{row.approval_id}", kind=JournalKind.CORRECTION, legs=legs, ref=str(row.approval_id)),
    )


def _set_commission(tx: Transaction, row: Row) -> None:
    starts_on = date.fromisoformat(row.body["starts_on"])
    _refuse_start(starts_on, row.now)
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
    _refuse_start(date.fromisoformat(row.body["starts_on"]), row.now)
    tx.execute(_ADD_RULE, {"rule_id": row.approval_id, "body": orjson.dumps(row.body).decode()})


def _set_role(tx: Transaction, row: Row) -> None:
    subject_id, role = UUID(row.body["account_id"]), row.body["role"]
    admins = set(tx.execute(_ADMINS).scalars())
    if role != MemberRole.ADMIN and subject_id in admins and len(admins) <= ADMINS_MIN:
        raise LastAdmin(admins_min=ADMINS_MIN)
    if role is None:
        tx.execute(_TAKE_ROLE, {"subject_id": subject_id})
    else:
        tx.execute(_GIVE_ROLE, {"subject_id": subject_id, "platform_id": PLATFORM_ID, "role": role})


_EXECUTE: Mapping[ApprovalKind, Callable[[Transaction, Row], None]] = {
    ApprovalKind.CORRECTION: _correct,
    ApprovalKind.COMMISSION_RATE: _set_commission,
    ApprovalKind.STAFF_ROLE: _set_role,
    ApprovalKind.COMMISSION_RULE: _add_rule,
    ApprovalKind.PAYOUT: _release,
    ApprovalKind.MISMATCH: _resolve,
    ApprovalKind.TERM_PRODUCT: _launch_term,
    ApprovalKind.BILL_OUTCOME: _decide_bill,
    ApprovalKind.BILLER_ACCOUNT: _set_biller_account,
    ApprovalKind.CAMPAIGN: _launch_campaign,
}
_TURN_DOWN: Mapping[ApprovalKind, Callable[[Transaction, Row], None]] = {ApprovalKind.PAYOUT: _turn_down_payout}
"""What a rejection leads to, where it leads to anything."""


def _refuse_start(starts_on: date, now: datetime) -> None:
    today = now.astimezone(_SHANGHAI).date()
    if not today + ANNOUNCED <= starts_on <= today + _STARTS_WITHIN:
        raise StartsTooSoon(pointer="/starts_on")


def _told(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the audit log tells of a wish."""
    told = {name: value for name, value in body.items() if not name.endswith("_sealed")}
    return {name: str(value) if isinstance(value, UUID | date) else value for name, value in told.items()}
