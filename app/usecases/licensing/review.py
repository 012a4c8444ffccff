"""The platform's reviewer, or the store's clerk on the spot, looks at a paper; what is approved opens the shop's days.

``shops.license_expires_on``, which quotes and lists read, is the last day on which every paper that the shop needs is
good. It moves here alone. A shop that lacks one of them keeps the day that it had.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text

from app.core.events import PaperReviewed
from app.core.papers.errors import OwnPaper, PaperNotFound, PaperRunOut
from app.core.papers.rules import NEEDED, PaperKind, good_until, next_look_at
from app.core.papers.states import PAPER_TRANSITIONS, PaperAction, PaperState
from app.kernel.actor import Actor, Side
from app.kernel.clock import SHANGHAI
from app.kernel.machines import next_state
from app.kernel.timers import Timer
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction
from app.kernel.wire import Row
from app.usecases.licensing.hand_in import PaperMoved

PAPER_LOOKED_AT = "paper_looked_at"
"""Timer: a paper is to be reminded of, or has run out."""

_LOCK = opening(
    """
    SELECT p.paper_id, p.shop_id, p.kind, p.number, p.expires_on, p.state, p.submitted_by_id, s.vertical,
        s.license_expires_on, s.license_number, business_now() AS now,
        p.submitted_by_id = :account_id OR EXISTS (
            SELECT 1 FROM memberships AS o WHERE o.account_id = :account_id AND o.organization_kind = 'merchant'
                AND o.organization_id = s.merchant_id) AS is_own
    FROM papers AS p JOIN shops AS s ON s.shop_id = p.shop_id JOIN communities AS c ON c.community_id = s.community_id
    WHERE p.paper_id = :paper_id AND (CAST(:is_platform AS boolean) OR EXISTS (
        SELECT 1 FROM memberships AS m WHERE m.organization_kind = 'store' AND m.organization_id = c.store_id
            AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))))
    FOR NO KEY UPDATE OF s FOR UPDATE OF p
    """
)
_HELD = text("SELECT kind, expires_on FROM papers WHERE shop_id = :shop_id AND state = 'approved'")
_REPLACE = text("UPDATE papers SET state = :state WHERE shop_id = :shop_id AND kind = :kind AND state = 'approved'")
_DECIDED = """
decided AS (
    UPDATE papers SET state = :state, reason = CAST(:reason AS text), decided_at = business_now(),
        decided_by_id = :reviewer_id
    WHERE paper_id = :paper_id
)"""
_REFUSE = closing(_DECIDED)
_APPROVE = closing(
    f"""{_DECIDED},
    shop AS (
        UPDATE shops SET license_expires_on = :license_expires_on, license_number = :license_number
        WHERE shop_id = :shop_id
    )"""
)


def review_paper(actor: Actor, claim: Claim, *, paper_id: UUID, is_approved: bool, reason: str | None) -> PaperMoved:
    """Approve a paper, which takes the place of the one approved before, or refuse it with a reason.

    :raises PaperNotFound: there is none, or it is of a shop outside the store's catchment.
    :raises OwnPaper: the reviewer belongs to the merchant. :raises PaperRunOut: it ran out while it waited.
    """
    params = {"paper_id": paper_id, "is_platform": actor.side is Side.PLATFORM, **actor.as_member}
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK, params)
        if row is None:
            raise PaperNotFound
        if row.is_own:
            raise OwnPaper
        action = PaperAction.APPROVE if is_approved else PaperAction.REFUSE
        target = next_state(PAPER_TRANSITIONS, PaperState(row.state), action, actor.role)
        if is_approved and row.expires_on is not None and row.expires_on < _today(row.now):
            raise PaperRunOut
        moved = PaperMoved(paper_id=paper_id, state=target.value)
        tx.describe(whom_id=row.submitted_by_id)
        tx.record(PaperReviewed(shop_id=row.shop_id, paper_id=paper_id, state=moved.state))
        tx.keep(moved)
        decided = {"paper_id": paper_id, "state": moved.state, "reason": reason, "reviewer_id": actor.account_id}
        if is_approved:
            tx.close(_APPROVE, {**decided, **_take_effect(tx, actor, row)})
        else:
            tx.close(_REFUSE, decided)
    return moved


def _take_effect(tx: Transaction, actor: Actor, row: Row) -> dict[str, object]:
    """Put the paper in the place of the one before it, set its timer, and return what the shop shows from now on."""
    held: dict[PaperKind, date | None] = {
        PaperKind(one.kind): one.expires_on for one in tx.execute(_HELD, {"shop_id": row.shop_id})
    }
    kind = PaperKind(row.kind)
    if kind in held:
        replaced = next_state(PAPER_TRANSITIONS, PaperState.APPROVED, PaperAction.REPLACE, actor.role)
        tx.execute(_REPLACE, {"shop_id": row.shop_id, "kind": kind.value, "state": replaced.value})
    schedule_look(tx, row.paper_id, row.expires_on, row.now)
    is_shown = kind is NEEDED[row.vertical][-1]
    return {
        "shop_id": row.shop_id,
        "license_expires_on": good_until(row.vertical, {**held, kind: row.expires_on}) or row.license_expires_on,
        "license_number": row.number if is_shown else row.license_number,
    }


def schedule_look(tx: Transaction, paper_id: UUID, expires_on: date | None, now: datetime) -> None:
    """Set the timer that next looks at an approved paper; one without an end has none."""
    moment = None if expires_on is None else next_look_at(expires_on, now)
    if moment is not None:
        tx.schedule(Timer(PAPER_LOOKED_AT, paper_id, moment - now))


def _today(now: datetime) -> date:
    return now.astimezone(SHANGHAI).date()
