"""Ask for what needs a second pair of eyes, and decide about what another asked for (双人复核).

The decision and what it leads to are one transaction, under the lock of the request: it happens once, or not at all.
Lock order: the request, then memberships, then ledger accounts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import orjson

from app.core.accounts.errors import NotPermitted
from app.core.accounts.permissions import Part, holders
from app.core.approvals.errors import (
    ApprovalClosed,
    ApprovalNotFound,
    OwnApproval,
)
from app.core.approvals.models import LIFETIME, ApprovalKind, ApprovalState
from app.core.bills.states import DECIDED_AFTER_DAYS
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.transaction import IN_UTC, Claim, closing, opening, transaction
from app.kernel.wire import Row
from app.usecases.deciding.effects import EXECUTE, TURN_DOWN

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
    ApprovalKind.DISPUTE_ACCEPTANCE: "reconciliation.decide",
    ApprovalKind.DISPUTE_LOSS: "reconciliation.decide",
    ApprovalKind.CAMPAIGN: "campaign.decide",
    ApprovalKind.SHOP_DESK: "desk.decide",
    ApprovalKind.SHOP_DESK_END: "desk.decide",
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
            SELECT 1 FROM communities AS c WHERE c.community_id = CAST(:community_id AS uuid)
              AND c.merged_into_id IS NULL) AS is_community,
        (SELECT p.state FROM payouts AS p WHERE p.payout_id = CAST(:payout_id AS uuid)) AS payout_state,
        (SELECT i.state FROM recon_items AS i WHERE i.item_id = CAST(:item_id AS uuid)) AS item_state,
        EXISTS (SELECT 1 FROM billers AS r WHERE r.biller_id = CAST(:biller_id AS uuid)) AS is_biller,
        b.state AS bill_state, b.requested_at <= business_now() - CAST(:bill_days AS bigint) * interval '1 day'
            AS is_bill_silent,
        d.state AS dispute_state, d.answer AS dispute_answer, d.open_fen AS dispute_open_fen,
        coalesce(d.due_at <= clock_timestamp(), false) AS is_dispute_late,
        (SELECT p.purpose FROM payments AS p WHERE p.payment_id = d.payment_id) AS dispute_purpose,
        (SELECT k.state FROM shop_desks AS k WHERE k.desk_id = CAST(:desk_id AS uuid)) AS desk_state,
        (SELECT count(*) FROM unnest(CAST(:codes AS text[]), CAST(:holders AS uuid[])) AS g (code, holder)
         WHERE EXISTS (SELECT 1 FROM ledger.balance AS v WHERE v.code = g.code)
            OR EXISTS (SELECT 1 FROM accounts AS a WHERE a.account_id = g.holder)) AS known_count
    FROM memberships AS m LEFT JOIN bill_payments AS b ON b.bill_payment_id = CAST(:bill_payment_id AS uuid)
    LEFT JOIN disputes AS d ON d.dispute_id = CAST(:dispute_id AS uuid)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalMoved:
    """Where a request stands."""

    approval_id: UUID
    kind: str
    state: str


def approve(actor: Actor, claim: Claim, *, approval_id: UUID) -> ApprovalMoved:
    """Approve what another asked for; it happens with the same commit.

    :raises OwnApproval: the decider asked for it, or it is about the decider.
    :raises ApprovalClosed: it was decided, or its time is over.
    """
    return _decide(actor, claim, approval_id, ApprovalState.APPROVED)


def reject(actor: Actor, claim: Claim, *, approval_id: UUID) -> ApprovalMoved:
    """Reject what another asked for; money that waited for it is let go. Errors as :func:`approve`."""
    return _decide(actor, claim, approval_id, ApprovalState.REJECTED)


def ask(
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
    desk_id: UUID | None = None,
    community_id: UUID | None = None,
    dispute_id: UUID | None = None,
    codes: Sequence[str] = (),
) -> ApprovalMoved:
    """Write a request down, once ``check`` has found nothing wrong with what is asked for.

    :param body: what is asked for; its ids are looked up by those that are named beside it.
    :param codes: accounts of the books that have to be there, or to be the e-account that somebody does not use yet.
    :raises NotPermitted: the asker is no member of the platform.
    """
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
                "desk_id": desk_id,
                "community_id": community_id,
                "dispute_id": dispute_id,
                "codes": list(codes),
                "holders": [_holder(code) for code in codes],
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
                "body": orjson.dumps(body, option=IN_UTC).decode(),
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
        if str(actor.account_id) in {str(row.requested_by), *_concerned(row.body)}:
            raise OwnApproval
        if row.state != ApprovalState.OPEN or row.is_over:
            raise ApprovalClosed(state="expired" if row.state == ApprovalState.OPEN else row.state)
        whom = UUID(row.body["account_id"]) if kind is ApprovalKind.STAFF_ROLE else None
        moved = ApprovalMoved(approval_id=approval_id, kind=row.kind, state=state.value)
        tx.describe(why=row.why, whom_id=whom, details={"kind": row.kind, **_told(row.body)})
        tx.keep(moved)
        if state is ApprovalState.APPROVED:
            EXECUTE[kind](tx, row)
        elif kind in TURN_DOWN:
            TURN_DOWN[kind](tx, row)
        tx.close(_DECIDE, {"approval_id": approval_id, "account_id": actor.account_id, "state": state.value})
    return moved


def _holder(code: str) -> UUID | None:
    """Return whose e-account ``code`` names; None for any other account."""
    kind, _, owner = code.partition(":")
    try:
        return UUID(owner) if kind == "e_account" else None
    except ValueError:
        return None


def _concerned(body: Mapping[str, Any]) -> set[str]:
    """Return the ids of whom a wish is about: an account, or the owners of accounts in the books."""
    named = (body.get(name) for name in ("account_id", "from_account", "to_account"))
    return {name.rpartition(":")[2] for name in named if name is not None}


def _told(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the audit log tells of a wish."""
    told = {name: value for name, value in body.items() if not name.endswith("_sealed")}
    return {name: str(value) if isinstance(value, UUID | date) else value for name, value in told.items()}
