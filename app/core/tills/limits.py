"""How much cash may pass a desk: data with its source, counted in the ledger's transaction. Days are Shanghai's.

Taking one's own money out is no payment from a balance: the caps of :mod:`app.core.verification.limits` do not count
it.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from app.core.ledger import Ahead
from app.core.tills.errors import CashLimitExceeded
from app.core.tills.states import CASH_FROM_PEOPLE, TillActKind
from app.kernel.clock import SHANGHAI
from app.kernel.errors import LinliError

_YUAN = 100


class Scope(StrEnum):
    """Over what a cap adds up."""

    ACT = "act"
    PERSON = "person"
    """One person, one day, at all desks."""
    TILL = "till"
    """One till, one day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CashCap:
    """Cash of a kind may add up to ``cap_fen``."""

    kind: TillActKind
    scope: Scope
    cap_fen: int
    source: str


_OURS = "ours, below the 50,000 yuan a day at which cash is reported (中国人民银行令〔2016〕第3号, article 5 (1))"
CASH_CAPS = (
    CashCap(kind=TillActKind.CASH_OUT, scope=Scope.ACT, cap_fen=2_000 * _YUAN, source="银发〔2014〕235号"),
    CashCap(kind=TillActKind.CASH_OUT, scope=Scope.PERSON, cap_fen=2_000 * _YUAN, source="银发〔2014〕235号"),
    CashCap(kind=TillActKind.CASH_OUT, scope=Scope.TILL, cap_fen=50_000 * _YUAN, source="ours: what one van brings"),
    CashCap(kind=TillActKind.CASH_IN, scope=Scope.ACT, cap_fen=10_000 * _YUAN, source=_OURS),
    CashCap(kind=TillActKind.CASH_IN, scope=Scope.PERSON, cap_fen=20_000 * _YUAN, source=_OURS),
    CashCap(kind=TillActKind.CASH_IN, scope=Scope.TILL, cap_fen=100_000 * _YUAN, source="ours: the cover of a till"),
)
CASH_FEN_MAX = 100_000 * _YUAN
"""A till holds no more cash than this: the cover of a till."""

_COUNT = "count_payment(:limit_account, :limit_fen, CAST(:limit_periods AS text[]), CAST(:limit_caps AS bigint[]))"


def cap_fen(kind: TillActKind, scope: Scope) -> int:
    """Return the cap of a kind and scope; all cash from people has those of cash put in."""
    return next(cap.cap_fen for cap in CASH_CAPS if cap.kind is counted_as(kind) and cap.scope is scope)


def counted_as(kind: TillActKind) -> TillActKind:
    """Return as what cash is counted: whether it goes to the account, to a biller or to a payee, it came in."""
    return TillActKind.CASH_IN if kind in CASH_FROM_PEOPLE else kind


def day_of(now: datetime) -> date:
    """Return the day in Shanghai."""
    return now.astimezone(SHANGHAI).date()


def till_total_fen(kind: TillActKind, *, counted_fen: int, amount_fen: int) -> int:
    """Return what a till has passed of a kind today with ``amount_fen`` more.

    :raises CashLimitExceeded: one act, or the till's day, is over its cap.
    """
    for scope, used_fen in ((Scope.ACT, 0), (Scope.TILL, counted_fen)):
        cap = cap_fen(kind, scope)
        if used_fen + amount_fen > cap:
            raise CashLimitExceeded(
                pointer="/amount_fen", scope=scope.value, cap_fen=cap, left_fen=max(0, cap - used_fen)
            )
    return counted_fen + amount_fen


def counting_cash(account_id: UUID, kind: TillActKind, *, amount_fen: int, now: datetime) -> Ahead:
    """Return what counts a person's cash of today ahead of its posting; the posting then fails over the cap."""
    return Ahead(
        call=_COUNT,
        params={
            "limit_account": account_id,
            "limit_fen": amount_fen,
            "limit_periods": [f"{counted_as(kind).value} {day_of(now)}"],
            "limit_caps": [cap_fen(kind, Scope.PERSON)],
        },
        refusals={"LV001": _exceeded},
    )


def _exceeded(detail: str) -> LinliError:
    cap, used = (int(word) for word in detail.split(" ")[-2:])
    return CashLimitExceeded(pointer="/amount_fen", scope=Scope.PERSON.value, cap_fen=cap, left_fen=max(0, cap - used))
