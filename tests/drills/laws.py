"""What the books and the queues must say after a step, told from what is new since the last look: cheap enough to ask.

The rest, over orders, payments, stock and cases, is :class:`tests.support.invariants.Invariants`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.stepup.models import Factor
from app.core.verification.levels import Level
from app.core.verification.limits import Period, cap_fen
from app.usecases.paying.confirmed import STRENGTH_OF
from tests.factories.rows import look, look_one

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

_TOUCHED = """
    WITH touched AS (
        SELECT DISTINCT e.account_id FROM ledger.entry AS e WHERE e.journal_id > :last
    )
    SELECT a.code FROM touched AS t JOIN ledger.account AS a ON a.id = t.account_id
    JOIN ledger.account_kind AS k ON k.kind = a.kind
    WHERE a.stripe IS NULL
"""
_BROKEN = {
    "a journal does not sum to zero": """
        SELECT e.journal_id FROM ledger.entry AS e WHERE e.journal_id > :last
        GROUP BY e.journal_id HAVING sum(e.amount_fen) <> 0""",
    "a balance is not the sum of its entries": f"""
        {_TOUCHED} AND a.posted_fen <> (SELECT sum(e.amount_fen) FROM ledger.entry AS e WHERE e.account_id = a.id)""",
    "a party's account is below its floor": f"{_TOUCHED} AND a.posted_fen - a.held_fen < k.floor_fen",
    "a timer was given up": "SELECT kind FROM timers WHERE parked_at IS NOT NULL AND :last >= 0",
    "a reaction was given up": "SELECT reaction FROM receipts WHERE state = 'parked' AND :last >= 0",
}
_OVER_CAP = """
    SELECT account_id FROM limit_counters WHERE account_id = ANY (:ids) AND (used_fen < 0
        OR length(period) = 10 AND used_fen > :day_fen OR length(period) = 4 AND used_fen > :year_fen)
"""
_OVERDUE = """
    SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM receipts WHERE state = 'waiting' AND attempts = 0)
        + (SELECT count(*) FROM timers WHERE due_at <= (SELECT business_now()) AND attempts = 0)
"""


class StepLaws:
    """Looks at what came since it last looked.

    :param payers: accounts that pay by PIN, at the highest level.
    """

    def __init__(self, payers: Sequence[UUID]) -> None:
        self._payers = list(payers)
        self._last = self._newest()
        self._caps = {
            f"{name}_fen": cap_fen(Level.THREE, STRENGTH_OF[Factor.PIN], period)
            for name, period in (("day", Period.DAY), ("year", Period.YEAR))
        }

    def violations(self) -> list[str]:
        """Return what is wrong, in words."""
        found = [f"{rule}: {row[0]}" for rule, asked in _BROKEN.items() for row in look(asked, last=self._last)]
        found += [f"a cap is exceeded: {row[0]}" for row in look(_OVER_CAP, ids=self._payers, **self._caps)]
        self._last = self._newest()
        return found

    @staticmethod
    def overdue() -> int:
        """Return how much waits that a worker that has just worked should have done."""
        return int(look_one(_OVERDUE))

    @staticmethod
    def _newest() -> int:
        return int(look_one("SELECT coalesce(max(id), 0) FROM ledger.journal"))
