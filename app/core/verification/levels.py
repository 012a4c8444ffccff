"""The four levels of a payment account, by how its owner was verified.

Source: 人民银行公告〔2015〕43号 (非银行支付机构网络支付业务管理办法), article 11, in force since 2016-07-01.
"""

from enum import IntEnum
from uuid import UUID

from sqlalchemy import text

from app.core.verification.errors import VerificationNeeded
from app.kernel.transaction import Transaction

_LEVEL = text("SELECT verification_level FROM accounts WHERE account_id = :account_id")


class Level(IntEnum):
    """The level of a person's account; stands in ``accounts.verification_level`` and only rises."""

    NONE = 0
    """Known by phone alone: no payments from a balance."""
    ONE = 1
    """Name and ID number agree at one outside party (Ⅰ类)."""
    TWO = 2
    """They agree at three outside parties (Ⅱ类)."""
    THREE = 3
    """Face to face, or at five outside parties (Ⅲ类)."""


WEALTH_LEVEL_MIN = Level.THREE
"""Only these accounts may buy wealth products (article 11, 3)."""


def level_of(tx: Transaction, account_id: UUID) -> Level:
    """Return the level of an account; without a row there is none."""
    return Level(tx.execute(_LEVEL, {"account_id": account_id}).scalar() or 0)


def require_level(found: int, least: Level) -> None:
    """Refuse an account below ``least``.

    :raises VerificationNeeded: with ``level`` and ``level_min``.
    """
    if found < least:
        raise VerificationNeeded(level=int(found), level_min=int(least))
