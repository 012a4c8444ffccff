"""How much a person may pay from balances (余额付款限额): data with its source, counted in the ledger's transaction.

Source of the figures: 人民银行公告〔2015〕43号 (非银行支付机构网络支付业务管理办法), in force since 2016-07-01; each
row names its article, one of our own its reason. Days and years are those of Asia/Shanghai. A refund to the balance
gives room back in the periods in which its payment was counted: to what is over, that means nothing.

For whoever pays from a balance: read ``accounts.verification_level`` and ``business_now()`` with the opening statement,
make :func:`counting`, hand it to :func:`app.core.ledger.post_many`. The counters are locked and moved ahead of the
ledger's accounts, in the same round trip; a refusal of either undoes both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from app.core.ledger import Ahead
from app.core.verification.errors import NewDeviceLimitExceeded, PaymentLimitExceeded
from app.core.verification.levels import Level, require_level
from app.kernel.clock import SHANGHAI
from app.kernel.errors import LinliError

FEN_PER_YUAN = 100


class Strength(StrEnum):
    """How a payment was authenticated (交易验证方式, article 24)."""

    SIGNED = "signed"
    """Two kinds of factors or more, a certificate or an electronic signature among them."""
    TWO_FACTORS = "two_factors"
    """Two kinds of factors or more, neither a certificate nor an electronic signature."""
    ONE_FACTOR = "one_factor"
    """Fewer than two kinds of factors."""


class Period(StrEnum):
    """Over what a cap adds up."""

    LIFETIME = "lifetime"
    YEAR = "year"
    DAY = "day"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """Payments from balances of one person may add up to ``cap_fen`` in a period."""

    period: Period
    cap_fen: int
    article: str
    level: Level | None = None
    strength: Strength | None = None
    is_new_device: bool = False


CAPS = (
    Cap(level=Level.ONE, period=Period.LIFETIME, cap_fen=1_000 * FEN_PER_YUAN, article="11 (1)"),
    Cap(level=Level.TWO, period=Period.YEAR, cap_fen=100_000 * FEN_PER_YUAN, article="11 (2)"),
    Cap(level=Level.THREE, period=Period.YEAR, cap_fen=200_000 * FEN_PER_YUAN, article="11 (3)"),
    Cap(strength=Strength.TWO_FACTORS, period=Period.DAY, cap_fen=5_000 * FEN_PER_YUAN, article="24 (2)"),
    Cap(strength=Strength.ONE_FACTOR, period=Period.DAY, cap_fen=1_000 * FEN_PER_YUAN, article="24 (3)"),
    Cap(
        is_new_device=True,
        period=Period.DAY,
        cap_fen=500 * FEN_PER_YUAN,
        article="ours: half of 24 (3), for whose phone number was moved to a stranger's device has a day to notice",
    ),
)
"""All caps. What has none is agreed with the customer (article 24 (1)); we agree on none."""

UNCAPPED_FEN = 2**63 - 1
_PERIODS_OF_LEVEL = {
    Level.ONE: (Period.LIFETIME, Period.YEAR, Period.DAY),
    Level.TWO: (Period.YEAR, Period.DAY),
    Level.THREE: (Period.YEAR, Period.DAY),
}
"""What is counted: level I also by the year, which goes on when the level rises."""

_COUNT = "count_payment(:limit_account, :limit_fen, CAST(:limit_periods AS text[]), CAST(:limit_caps AS bigint[]))"
_GIVE_BACK = "give_back_payment(:limit_account, :limit_fen, CAST(:limit_periods AS text[]))"


def cap_fen(level: Level, strength: Strength, period: Period, *, is_new_device: bool = False) -> int:
    """Return the lowest cap of a period for a level, a strength and a device; :data:`UNCAPPED_FEN` without one."""
    of_level = [cap.cap_fen for cap in CAPS if cap.period is period and cap.level is level]
    of_strength = [cap.cap_fen for cap in CAPS if cap.period is period and cap.strength is strength]
    of_device = [cap.cap_fen for cap in CAPS if cap.period is period and cap.is_new_device and is_new_device]
    return min([*of_level, *of_strength, *of_device], default=UNCAPPED_FEN)


def period_name(period: Period, now: datetime) -> str:
    """Return the counter's name: ``lifetime``, ``2026`` or ``2026-11-26``, by Shanghai's calendar."""
    day = now.astimezone(SHANGHAI).date()
    return {Period.LIFETIME: "lifetime", Period.YEAR: f"{day:%Y}", Period.DAY: day.isoformat()}[period]


def counting(
    account_id: UUID, *, level: int, strength: Strength, amount_fen: int, now: datetime, is_new_device: bool = False
) -> Ahead:
    """Return what counts a payment from balance ahead of its posting; the posting then fails over a cap.

    :param is_new_device: whether the device is in its first 24 hours with the account.
    :param level: the account's, from ``accounts.verification_level``.
    :param now: ``business_now()`` of the same transaction.
    :raises VerificationNeeded: at level 0 nothing is paid from a balance.
    """
    require_level(level, Level.ONE)
    held = Level(level)
    periods = _PERIODS_OF_LEVEL[held]
    return Ahead(
        call=_COUNT,
        params={
            "limit_account": account_id,
            "limit_fen": amount_fen,
            "limit_periods": [period_name(period, now) for period in periods],
            "limit_caps": [cap_fen(held, strength, period, is_new_device=is_new_device) for period in periods],
        },
        refusals={"LV001": _exceeded_on_new_device if is_new_device else _exceeded},
    )


def giving_back(account_id: UUID, *, amount_fen: int, paid_at: datetime) -> Ahead:
    """Return what gives the room of a payment made at ``paid_at`` back, ahead of the refund's posting."""
    periods: Sequence[str] = [period_name(period, paid_at) for period in Period]
    return Ahead(
        call=_GIVE_BACK, params={"limit_account": account_id, "limit_fen": amount_fen, "limit_periods": periods}
    )


def _exceeded(detail: str) -> LinliError:
    period, cap, used = detail.split(" ")
    kind = Period.LIFETIME if period == "lifetime" else Period.YEAR if len(period) == len("2026") else Period.DAY
    return PaymentLimitExceeded(period=kind.value, cap_fen=int(cap), left_fen=max(0, int(cap) - int(used)))


def _exceeded_on_new_device(detail: str) -> LinliError:
    exceeded = _exceeded(detail)
    if exceeded.params["period"] != Period.DAY.value:
        return exceeded
    return NewDeviceLimitExceeded(cap_fen=exceeded.params["cap_fen"], left_fen=exceeded.params["left_fen"])
