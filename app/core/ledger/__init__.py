"""The ledger (账本): the only writer of money, below every other domain.

Double entry in whole fen. A use case builds a :class:`Journal` of legs between account codes and posts it in its own
transaction; a key makes the act happen once. See :mod:`app.core.ledger.books` for the laws of calling it.
"""

from app.core.ledger import codes
from app.core.ledger.books import (
    Ahead,
    Balance,
    Capture,
    Finding,
    Held,
    Hold,
    Posted,
    Proof,
    StatementLine,
    balance,
    capture_hold,
    capture_holds,
    close_day,
    expire_holds,
    findings_since,
    open_account,
    place_hold,
    place_holds,
    post,
    post_many,
    prove,
    statement,
    void_hold,
)
from app.core.ledger.errors import (
    AccountNotFound,
    CaptureExceedsHold,
    DayClosed,
    HoldClosed,
    HoldNotFound,
    InsufficientFunds,
    LedgerKeyReused,
)
from app.core.ledger.journals import Journal, JournalKind, Leg

__all__ = [
    "AccountNotFound",
    "Ahead",
    "Balance",
    "Capture",
    "CaptureExceedsHold",
    "DayClosed",
    "Finding",
    "Held",
    "Hold",
    "HoldClosed",
    "HoldNotFound",
    "InsufficientFunds",
    "Journal",
    "JournalKind",
    "LedgerKeyReused",
    "Leg",
    "Posted",
    "Proof",
    "StatementLine",
    "balance",
    "capture_hold",
    "capture_holds",
    "close_day",
    "codes",
    "expire_holds",
    "findings_since",
    "open_account",
    "place_hold",
    "place_holds",
    "post",
    "post_many",
    "prove",
    "statement",
    "void_hold",
]
