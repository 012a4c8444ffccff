"""What the cost of a matching weighs, in minutes. One table: other weights are another policy of the same class."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Chosen on a fifth of the public meal-delivery instances, and looked at on another fifth.

    :ivar look_ahead_s: a delivery that is ready later waits for a later tick.
    :ivar free_ahead_s: a courier who is free later is not reckoned with.
    :ivar lead_s: how much earlier than needed a courier is called: time for one who declines.
    :ivar growth_lead_s: the same for more that is given to one on the way to the shop.
    :ivar busy: a minute of a courier's time. :ivar late: a minute past the promise, on top of the minute itself.
    :ivar age: a minute that a ready order has waited, on top of the minute itself.
    :ivar fairness: minutes for each order that a courier is owed.
    :ivar fair_rate: orders an hour on duty, a fair share.
    :ivar served: serving at all; far above all else, so that as many as possible are.
    :ivar worth_min, worth_max: bounds of what a courier's minute is worth, in minutes of residents, when bundling.
    :ivar worth_by_load: what it is worth by deliveries due for each courier free soon.
    :ivar access_s: what a courier needs to come to a shop, about. :ivar trip_s: what a delivery takes in all, about.
    :ivar size_max: deliveries of a bundle.
    :ivar worth_scarce: what it is worth at least when the rest of all shifts is too short for all trips.
    :ivar busy_scarce: a minute of a courier's time then: short trips first serve more residents in what is left.
    :ivar reach_s: no courier is asked who is farther from the shop, plus what the delivery has waited; None for all.
    """

    look_ahead_s: int = 1_500
    free_ahead_s: int = 2_400
    lead_s: int = 60
    growth_lead_s: int = 0
    busy: float = 0.1
    late: float = 0.5
    age: float = 1.0
    fairness: float = 3.0
    fair_rate: float = 1.5
    served: float = 10_000.0
    worth_min: float = 0.1
    worth_max: float = 6.0
    worth_by_load: float = 0.5
    access_s: int = 420
    size_max: int = 3
    trip_s: int = 1_500
    worth_scarce: float = 2.0
    busy_scarce: float = 0.5
    reach_s: int | None = None


FREE_SOON_S = 600
"""Couriers who are free so soon count when the load is measured."""

LIVE = Weights(lead_s=180, growth_lead_s=120, reach_s=600)
"""With consent: a courier is called three minutes ahead, time for some who decline. One who is more than ten minutes
away is asked when it has waited as much longer."""
