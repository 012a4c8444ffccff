"""Business time of the test database: moved by a test, put back at its end."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.kernel.clock import business_now, set_virtual
from app.kernel.transaction import transaction


class BusinessClock:
    """Moves ``business_now()``. Wall time, which rules tokens and codes, stays where it is."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        with transaction() as tx:
            return business_now(tx)

    def ahead(self, **by: float) -> None:
        """Move business time further ahead: ``clock.ahead(minutes=16)``."""
        self._ahead += timedelta(**by)
        with transaction() as tx:
            set_virtual(tx, ahead=self._ahead)

    def at(self, moment: datetime) -> None:
        """Freeze business time at ``moment``."""
        with transaction() as tx:
            set_virtual(tx, fixed_at=moment)

    def back(self) -> None:
        """Let business time be the database's again."""
        self._ahead = timedelta()
        with transaction() as tx:
            set_virtual(tx)
