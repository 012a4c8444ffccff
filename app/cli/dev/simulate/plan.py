"""Who does what, decided before anything happens: checkouts, and for each order the turn that its life takes.

All chances come from the seed and the order's name, so the same run asks for the same things however threads fall.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from app.cli.demo.seeded import chance
from app.core.delivery.states import FailureReason
from app.core.orders.models import CancelReason
from app.core.payments.models import PaymentMethod

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.cli.dispatch.instance import Instance, Place, Wish

PAIR_MINUTES = 4
PAIR_METERS = 1_500
"""Two wishes become one cart when they are placed about the same time by neighbors."""
REJECTIONS = (CancelReason.OUT_OF_STOCK, CancelReason.TOO_BUSY, CancelReason.CLOSING, CancelReason.OTHER)


class Turn(StrEnum):
    """What comes between an order and its delivery."""

    NONE = "none"
    CANCEL = "cancel"
    REJECT = "reject"
    SHORT = "short"
    FAIL = "fail"


class Afterwards(StrEnum):
    """What a courier does with an order that could not be handed over."""

    TRY_AGAIN = "try_again"
    GIVE_UP = "give_up"
    LEAVE = "leave"
    """Nothing: time decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Shares of all orders (of checkouts, for the first two), each from 0 to 1."""

    wechat: float
    two_shops: float
    cancel: float
    reject: float
    short: float
    fail: float
    confirm: float


@dataclass(slots=True, kw_only=True)
class Errand:
    """An order on its way through its life: what is planned, then what the API answered."""

    wish: Wish
    door: Place
    quantities: tuple[int, ...]
    """Pieces of the shop's first, second, … SKU; 0 for none of it."""
    turn: Turn
    rejection: CancelReason
    failure: FailureReason
    afterwards: Afterwards
    has_photo: bool
    confirms_after_minutes: int | None
    order_id: UUID = field(default=UUID(int=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Basket:
    """One checkout: what one resident buys at once, in one shop or in two."""

    name: str
    door: Place
    minute: int
    errands: tuple[Errand, ...]
    method: PaymentMethod


def plan_baskets(instance: Instance, rates: Rates, seed: int) -> list[Basket]:
    """Return the checkouts of the day, by time."""
    wishes = sorted(instance.wishes, key=lambda wish: (wish.placed_minute, wish.name))
    taken: set[str] = set()
    baskets = []
    for position, wish in enumerate(wishes):
        if wish.name in taken:
            continue
        random = chance(seed, "basket", wish.name)
        together = [wish]
        if random.random() < rates.two_shops:
            together += _partners(wish, [other for other in wishes[position + 1 :] if other.name not in taken])
        taken.update(one.name for one in together)
        is_wechat = random.random() < rates.wechat
        baskets.append(
            Basket(
                name=wish.name,
                door=wish.door,
                minute=max(one.placed_minute for one in together),
                errands=tuple(_errand(one, wish.door, rates, seed) for one in together),
                method=PaymentMethod.WECHAT_PAY if is_wechat else PaymentMethod.E_ACCOUNT,
            )
        )
    return sorted(baskets, key=lambda basket: (basket.minute, basket.name))


def _partners(wish: Wish, later: Sequence[Wish]) -> list[Wish]:
    """Return the nearest neighbor's wish at another restaurant at about the same time, if there is one."""
    near = [
        other
        for other in later
        if other.placed_minute <= wish.placed_minute + PAIR_MINUTES
        and other.restaurant != wish.restaurant
        and other.door.distance_m(wish.door) <= PAIR_METERS
    ]
    return sorted(near, key=lambda other: other.door.distance_m(wish.door))[:1]


def _errand(wish: Wish, door: Place, rates: Rates, seed: int) -> Errand:
    random = chance(seed, "errand", wish.name)
    throw, turn = random.random(), Turn.NONE
    for kind, share in (
        (Turn.CANCEL, rates.cancel),
        (Turn.REJECT, rates.reject),
        (Turn.SHORT, rates.short),
        (Turn.FAIL, rates.fail),
    ):
        if 0 <= throw < share:
            turn = kind
        throw -= share
    return Errand(
        wish=wish,
        door=door,
        quantities=(random.randint(1, 3), random.choice((0, 1, 2)), random.choice((0, 0, 1))),
        turn=turn,
        rejection=random.choice(REJECTIONS),
        failure=random.choice(list(FailureReason)),
        afterwards=random.choices(list(Afterwards), weights=(5, 4, 1))[0],
        has_photo=random.random() < 0.1,  # noqa: PLR2004 - one in ten is left at the door
        confirms_after_minutes=random.randint(1, 10) if random.random() < rates.confirm else None,
    )
