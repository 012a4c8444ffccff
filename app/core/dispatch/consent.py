"""How long one may think about an offer (派单): half a minute, a whole one where little is going on."""

from app.core.dispatch.problem import Problem

OFFER_S = 30
OFFER_QUIET_S = 60
QUIET_LOAD = 0.25
"""Deliveries for each courier who waits, up to which it is quiet: nobody looks at the phone all the time then."""


def offer_lifetime_s(problem: Problem) -> int:
    """Return how long the offers of a tick live, seconds of business time."""
    waiting = sum(one.free_s <= problem.now_s <= one.off_s for one in problem.couriers)
    return OFFER_QUIET_S if len(problem.deliveries) <= QUIET_LOAD * waiting else OFFER_S
