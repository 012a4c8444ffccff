"""What a policy decides about, and what it answers. Instants are whole seconds of one clock."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Key = Any
"""What names a delivery, a courier or a shop: the caller's ids. Those of one kind can be hashed and put in order."""
Point = tuple[float, float]
"""Meters on a plane."""
ALTERNATIVES_MAX = 5
"""How many candidates of a decision are told with all that their cost is made of."""
WEIGHED_MAX = 200
"""Of how many the cost alone is told: a zone has fewer couriers who could have it at one time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An open delivery: from where, to where, when.

    :ivar ready_s: when the shop has it ready, or says that it will.
    :ivar promised_s: when the resident was told that it comes, if they were.
    :ivar units: what it weighs, in the same unit as what a courier may carry.
    :ivar is_apart: it is joined with nothing else.
    :ivar group: deliveries of one group are carried together whatever it costs; None for one that is free.
    """

    delivery_id: Key
    shop_id: Key
    shop: Point
    door: Point
    placed_s: int
    ready_s: int
    promised_s: int | None = None
    units: int = 1
    is_cold: bool = False
    group: Key = None
    is_apart: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """What a courier is on the way to, or waits for at the counter: it may still grow until it is picked up.

    :ivar deliveries: all of one shop. :ivar arrives_s: when the courier can take it, service at the counter included.
    """

    deliveries: tuple[Delivery, ...]
    arrives_s: int

    @property
    def picks_up_s(self) -> int:
        """Return when all of it is ready and the courier there."""
        return max(self.arrives_s, *(one.ready_s for one in self.deliveries))


@dataclass(frozen=True, slots=True, kw_only=True)
class Courier:
    """A courier on shift.

    :ivar place: where the courier is when free.
    :ivar free_s: when what is in hand will be done; past for one who waits.
    :ivar on_s: when the shift began. :ivar off_s: when it ends: nothing is picked up later.
    :ivar done_count: orders of this shift, those in hand included.
    :ivar capacity: orders of one trip. :ivar units_max: weight of one trip.
    :ivar pace: what a way takes, as a multiple of what the travel of the problem says; above 1 on foot.
    """

    courier_id: Key
    place: Point
    free_s: int
    on_s: int
    off_s: int
    done_count: int = 0
    capacity: int = 3
    units_max: int = 6
    has_cold_box: bool = True
    pace: float = 1.0
    inbound: Inbound | None = None


class Travel(Protocol):
    """How long ways take. Hashable: tours are remembered by it."""

    def __hash__(self) -> int: ...

    def seconds(self, start: Point, end: Point) -> int:
        """Return the time of one way."""

    def matrix(self, starts: Sequence[Point], ends: Sequence[Point]) -> Any:
        """Return the seconds from each start to each end, a numpy array of shape ``(starts, ends)``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One tick: all that may be decided about, by the clock ``now_s``.

    :ivar tick_s: when the next one comes. :ivar pick_up_s: what a stop at a counter takes, half of it before the act.
    :ivar drop_s: the same for a door. :ivar excluded: pairs ``(delivery_id, courier_id)`` not to be matched now.
    """

    now_s: int
    tick_s: int
    deliveries: Sequence[Delivery]
    couriers: Sequence[Courier]
    travel: Travel
    pick_up_s: int = 240
    drop_s: int = 240
    excluded: Collection[tuple[Key, Key]] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """A courier who could have it.

    :ivar cost: minutes, less is better. :ivar way_s: the way to the shop. :ivar free_in_s: until the courier is free.
    :ivar owed_orders: orders that a fair share of the work would have brought, less those that came.
    """

    courier_id: Key
    cost: float
    way_s: int
    free_in_s: int
    owed_orders: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Who is called for what, now.

    :ivar delivery_ids: all of the trip, in the order of their doors; what an inbound trip held before included.
    :ivar shop_ids: the counters in the order of their visits.
    :ivar added_ids: what is new to the courier. :ivar is_growth: whether an inbound trip grows.
    :ivar candidate_count: couriers who could have it. :ivar alternatives: best first, the chosen courier among them.
    :ivar weighed: courier and cost in minutes, best first, of all who could have it, but for the last beyond 200.
    """

    courier_id: Key
    delivery_ids: tuple[Key, ...]
    added_ids: tuple[Key, ...]
    is_growth: bool
    cost: float
    shop_ids: tuple[Key, ...]
    candidate_count: int
    alternatives: tuple[Alternative, ...]
    weighed: tuple[tuple[Key, float], ...] = ()


class Policy(Protocol):
    """Decides a tick. No courier and no delivery stands in two decisions."""

    @property
    def name(self) -> str:
        """Name of the policy, kept with each decision."""

    def decide(self, problem: Problem) -> Sequence[Decision]:
        """Return who is called now; what can wait for the next tick is left out."""
