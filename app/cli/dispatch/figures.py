"""What a solution is worth: the measures of the published studies, and how sure a mean over instances is."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from app.core.delivery.fairness import gini
from app.core.dispatch.promise import kept

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.cli.dispatch.solution import Solution

LONG_MINUTES, NEVER_MINUTES = 90, 180


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One instance. Minutes, shares of all orders in percent, pay in the instance's money.

    :ivar promise_kept_percent: delivered by the latest time of a promise made from what was known at the placement.
    :ivar gini: of orders per hour on duty, over all couriers. :ivar orders_per_hour: on duty, all couriers together.
    """

    undelivered_percent: float
    click_to_door: float
    click_to_door_p90: float
    ready_to_pick_up: float
    pay_per_order: float
    over_90_percent: float
    over_180_count: float
    longest: float
    gini: float
    orders_per_hour: float
    orders_per_trip: float
    promise_kept_percent: float


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over instances and half the width of its 95 % confidence interval, by the normal law; None of one."""

    mean: float
    margin: float | None


def figures_of(solution: Solution) -> Figures:
    """Return the figures of one solution; times are over what was delivered."""
    instance = solution.instance
    wishes = {wish.name: wish for wish in instance.wishes}
    doors = sorted(minute - wishes[name].placed_minute for name, minute in solution.dropped().items())
    counters = [minute - wishes[name].ready_minute for name, minute in solution.picked_up().items()]
    carried = dict.fromkeys((duty.name for duty in instance.duties), 0)
    for trip in solution.trips:
        carried[trip.courier] += len(trip.drops)
    hours = {duty.name: (duty.off_minute - duty.on_minute) / 60 for duty in instance.duties}
    pay = sum(
        max(instance.pay_per_order * count, instance.pay_per_hour * hours[name]) for name, count in carried.items()
    )
    total = len(wishes)
    return Figures(
        undelivered_percent=100 * (total - len(doors)) / total,
        click_to_door=fmean(doors) if doors else math.nan,
        click_to_door_p90=percentile(doors, 0.9),
        ready_to_pick_up=fmean(counters) if counters else math.nan,
        pay_per_order=pay / total,
        over_90_percent=100 * sum(minutes > LONG_MINUTES for minutes in doors) / total,
        over_180_count=sum(minutes > NEVER_MINUTES for minutes in doors),
        longest=doors[-1] if doors else math.nan,
        gini=gini([carried[name] / hours[name] for name in carried]) or 0.0,
        orders_per_hour=len(doors) / sum(hours.values()),
        orders_per_trip=len(doors) / max(1, len(solution.trips)),
        promise_kept_percent=_promise_kept_percent(solution),
    )


def _promise_kept_percent(solution: Solution) -> float:
    instance, dropped = solution.instance, solution.dropped()
    service_s = 60 * (instance.pick_up_minutes // 2 + instance.drop_minutes // 2)
    orders = [
        (
            wish.restaurant,
            60 * wish.placed_minute,
            60 * wish.ready_minute,
            60 * dropped[wish.name],
            60 * instance.travel_minutes(instance.restaurants[wish.restaurant], wish.door),
            service_s,
        )
        for wish in instance.wishes
        if wish.name in dropped
    ]
    share = kept(orders)
    return math.nan if share is None else 100 * share


def percentile(ranked: Sequence[float], share: float) -> float:
    """Return a percentile of values in rising order, between two by straight line; not a number of none."""
    if not ranked:
        return math.nan
    place = share * (len(ranked) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ranked) - 1)
    return ranked[low] + (ranked[high] - ranked[low]) * (place - low)


def means_of(figures: Sequence[Figures]) -> dict[str, Mean]:
    """Return the mean of each figure over the instances, each instance counted once; what has no value is left out."""
    means = {}
    for name in (each.name for each in fields(Figures)):
        values = [value for one in figures if not math.isnan(value := float(asdict(one)[name]))]
        margin = 1.96 * stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
        means[name] = Mean(fmean(values) if values else math.nan, margin)
    return means
