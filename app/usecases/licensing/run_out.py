"""Time reminds a merchant of a paper, and ends it."""

from uuid import UUID

from app.core.events import PaperRanOut, PaperRunsOut
from app.core.papers.states import PAPER_TRANSITIONS, PaperAction, PaperState
from app.kernel.actor import Role
from app.kernel.clock import SHANGHAI
from app.kernel.machines import next_state
from app.kernel.transaction import Transaction, closing, opening
from app.usecases.licensing.review import schedule_look

_LOCK = opening(
    """
    SELECT paper_id, shop_id, state, expires_on, business_now() AS now FROM papers
    WHERE paper_id = :paper_id FOR UPDATE
    """
)
_REMINDED = closing()
_ENDED = closing("ended AS (UPDATE papers SET state = :state WHERE paper_id = :paper_id)")


def look_at_paper(tx: Transaction, paper_id: UUID) -> None:
    """Remind of a paper 30, 7 and 1 days before its last day, and end it after; one that was replaced is let be.

    What came due while no worker ran is told once. The shop needs no telling: its last day stands with it.
    """
    row = tx.open_one(_LOCK, {"paper_id": paper_id})
    if row is None or row.state != PaperState.APPROVED or row.expires_on is None:
        return
    told = {"shop_id": row.shop_id, "paper_id": paper_id}
    if row.expires_on < row.now.astimezone(SHANGHAI).date():
        target = next_state(PAPER_TRANSITIONS, PaperState.APPROVED, PaperAction.EXPIRE, Role.SYSTEM)
        tx.record(PaperRanOut(**told, state=target.value))
        tx.close(_ENDED, {"paper_id": paper_id, "state": target.value})
        return
    tx.record(PaperRunsOut(**told, state=row.state))
    schedule_look(tx, paper_id, row.expires_on, row.now)
    tx.close(_REMINDED, {})
