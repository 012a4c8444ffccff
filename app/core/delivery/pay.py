"""What a courier earns for a trip (配送报酬), by its parts: known before one says yes, frozen when the trip is born.

The resident's delivery fee is the courier's, whole. Where the parts come to more than the fees of the trip, the
platform adds the difference as its subsidy; where they come to less, the rest of the fee is a part of its own. So
``pay = fees + subsidy`` to the fen. The rates are our own, not law, and an operator may set others for a community.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from app.kernel.clock import SHANGHAI
from app.kernel.money import split_fen

NEAR_M = 1_000
"""The base pays a way of this length."""
STEP_M = 500
"""Beyond it, each begun step is paid."""
NIGHT_FROM_HOUR, NIGHT_TO_HOUR = 22, 6
"""Night in Shanghai, from the first hour until the second."""
WALK_UP_FLOORS_MAX = 40
RATE_FEN_MAX = 10_000
"""No single rate is above 100 yuan: a slip of the hand is not paid out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """The rates of a community (计价), fen.

    :ivar base_fen: for a trip of one order. :ivar drop_fen: for each further order of the trip.
    :ivar step_fen: for each begun 500 m beyond the first 1,000 m.
    :ivar floor_fen: for each floor climbed on foot.
    :ivar night_fen: for a trip that is ready at night. :ivar weather_fen: while the weather switch is on.
    """

    base_fen: int = 200
    drop_fen: int = 100
    step_fen: int = 50
    floor_fen: int = 20
    night_fen: int = 100
    weather_fen: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class PayParts:
    """The parts of a trip's pay, fen. ``fee_rest_fen`` is what residents pay beyond the other parts."""

    base_fen: int
    drops_fen: int
    distance_fen: int
    floors_fen: int
    night_fen: int
    weather_fen: int
    fee_rest_fen: int

    @property
    def pay_fen(self) -> int:
        """What the courier earns when every order of the trip arrives."""
        return sum(asdict(self).values())


def is_night(ready_at: datetime) -> bool:
    """Say whether a trip that is ready then is paid as one of the night."""
    hour = ready_at.astimezone(SHANGHAI).hour
    return hour >= NIGHT_FROM_HOUR or hour < NIGHT_TO_HOUR


def pay_parts(
    tariff: Tariff,
    *,
    length_m: int,
    walk_up_floors: Sequence[int],
    fee_fen: int,
    ready_at: datetime,
    is_bad_weather: bool,
) -> PayParts:
    """Return what a trip pays.

    :param length_m: straight lines from stop to stop, meters.
    :param walk_up_floors: floors climbed on foot at each drop, 0 with a lift; shape ``(n,)``, ``n`` orders.
    :param fee_fen: the delivery fees that the trip's residents pay, together.
    """
    assert walk_up_floors, "a trip carries an order"
    steps = -(-max(0, length_m - NEAR_M) // STEP_M)
    parts = PayParts(
        base_fen=tariff.base_fen,
        drops_fen=tariff.drop_fen * (len(walk_up_floors) - 1),
        distance_fen=tariff.step_fen * steps,
        floors_fen=tariff.floor_fen * sum(walk_up_floors),
        night_fen=tariff.night_fen if is_night(ready_at) else 0,
        weather_fen=tariff.weather_fen if is_bad_weather else 0,
        fee_rest_fen=0,
    )
    return PayParts(**{**asdict(parts), "fee_rest_fen": max(0, fee_fen - parts.pay_fen)})


def pay_shares(pay_fen: int, fees: Sequence[int]) -> list[int]:
    """Return each delivery's share of the trip's pay: its own fee, and an even part of the subsidy.

    Fen left over by rounding go to the earlier delivery. No share is below its fee, so no order earns the platform
    what another one costs.

    :param fees: delivery fee of each order, fen; shape ``(n,)``, ``sum(fees) <= pay_fen``.
    :returns: fen per delivery, shape ``(n,)``, ``sum(shares) == pay_fen``.
    """
    subsidy_fen = pay_fen - sum(fees)
    assert subsidy_fen >= 0, "the fees are the courier's"
    return [fee + more for fee, more in zip(fees, split_fen(subsidy_fen, [1] * len(fees)), strict=True)]
