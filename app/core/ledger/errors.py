"""What the books refuse, and how a refusal of the database becomes one of these."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from app.kernel.errors import Conflict, Invalid, LinliError, NotFound


class InsufficientFunds(Conflict):
    """An account would go below its floor; ``account`` is its code. Money on hold is not available."""

    code = "insufficient_funds"
    title = "Not enough money available"


class LedgerKeyReused(Conflict):
    """The key of a journal or hold was used before for another request."""

    code = "ledger_key_reused"
    title = "Ledger key was used for another request"


class HoldNotFound(NotFound):
    """There is no hold under this key."""

    code = "hold_not_found"
    title = "Hold not found"


class AccountNotFound(NotFound):
    """The account is not open and does not open by itself, or there is no such kind."""

    code = "ledger_account_not_found"
    title = "Account not found"


class MomentsReversed(Invalid):
    """A report begins after the moment that it is of."""

    code = "moments_reversed"
    title = "The report begins after it ends"


class HoldClosed(Conflict):
    """The hold was captured by another journal, voided or expired; ``state`` says which."""

    code = "hold_closed"
    title = "Hold is no longer open"


class DayClosed(Conflict):
    """The effective day ``day`` is closed; a correction goes to an open day."""

    code = "ledger_day_closed"
    title = "Day is closed"


class CaptureExceedsHold(Conflict):
    """More was asked of a hold than it holds."""

    code = "capture_exceeds_hold"
    title = "Capture is larger than the hold"


_REFUSALS: dict[str, tuple[type[LinliError], str]] = {
    "LD001": (LedgerKeyReused, "key"),
    "LD002": (InsufficientFunds, "account"),
    "LD003": (HoldNotFound, "key"),
    "LD004": (AccountNotFound, "account"),
    "LD005": (HoldClosed, "state"),
    "LD007": (DayClosed, "day"),
    "LD008": (CaptureExceedsHold, "key"),
}


@contextmanager
def refusals(others: Mapping[str, Callable[[str], LinliError]] | None = None) -> Iterator[None]:
    """Raise the ledger's own error in place of the database's.

    :param others: errors of a function that runs ahead, by SQLSTATE.
    A malformed request (LD006) is our mistake and stays as it is.
    """
    try:
        yield
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None) or ""
        diagnosis = getattr(error.orig, "diag", None)
        if others and state in others:
            raise others[state](getattr(diagnosis, "message_detail", "")) from error
        refusal = _REFUSALS.get(state)
        if refusal is None:
            raise
        family, name = refusal
        raise family(**{name: getattr(diagnosis, "message_detail", None)}) from error
