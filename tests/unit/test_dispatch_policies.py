"""What the policies of dispatch decide in a tick: who is called, with what, and who is not called yet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.core.dispatch.batch import BatchPolicy
from app.core.dispatch.bundles import bundle_of, carries
from app.core.dispatch.policies import POLICIES
from app.core.dispatch.problem import Courier, Decision, Delivery, Inbound, Policy, Problem
from app.core.dispatch.travel import PlaneTravel
from app.core.dispatch.weights import Weights

NOON = 12 * 3600
TRAVEL = PlaneTravel(300.0, step_s=60)


def delivery(name: str, **changed: Any) -> Delivery:
    """Return one from a shop at the origin to a door 900 m east, ready now."""
    usual = Delivery(delivery_id=name, shop_id="shop", shop=(0, 0), door=(900, 0), placed_s=NOON - 600, ready_s=NOON)
    return replace(usual, **changed)


def courier(name: str, **changed: Any) -> Courier:
    """Return one who waits at the origin and is on shift for hours."""
    usual = Courier(courier_id=name, place=(0, 0), free_s=NOON - 60, on_s=NOON - 3600, off_s=NOON + 4 * 3600)
    return replace(usual, **changed)


def tick(deliveries: list[Delivery], couriers: list[Courier], policy: Policy | None = None, **changed: Any) -> Any:
    """Return the decisions of a tick at noon, by courier."""
    problem = Problem(now_s=NOON, tick_s=60, deliveries=deliveries, couriers=couriers, travel=TRAVEL)
    decisions: list[Decision] = list((policy or BatchPolicy()).decide(replace(problem, **changed)))
    return {one.courier_id: one for one in decisions}


def test_one_who_need_not_leave_yet_is_not_called() -> None:
    later = delivery("d", ready_s=NOON + 900)

    early = tick([later], [courier("near")])
    just_in_time = tick([later], [courier("far", place=(0, 3000))])

    assert early == {}
    assert just_in_time == {}
    assert tick([delivery("d", ready_s=NOON + 720)], [courier("far", place=(0, 3000))]).keys() == {"far"}


def test_all_are_served_before_one_is_served_well() -> None:
    # the near courier is best for both; only the near one can do the second in time
    first, second = delivery("a"), delivery("b", shop_id="other", shop=(0, 6000), door=(0, 6300))
    near, leaving = courier("near", place=(0, 100)), courier("leaving", off_s=NOON + 300)

    found = tick([first, second], [near, leaving])

    assert found["leaving"].added_ids == ("a",)
    assert found["near"].added_ids == ("b",)


def test_nobody_picks_up_after_the_shift() -> None:
    assert tick([delivery("d")], [courier("c", off_s=NOON + 119)]) == {}
    assert tick([delivery("d")], [courier("c", off_s=NOON + 120)]).keys() == {"c"}


def test_an_excluded_pair_is_not_matched() -> None:
    couriers = [courier("first"), courier("second", place=(0, 2400))]

    found = tick([delivery("d")], couriers, excluded={("d", "first")})

    assert found.keys() == {"second"}
    assert [one.courier_id for one in found["second"].alternatives] == ["second"]


@pytest.mark.parametrize(
    "load,is_able",
    [
        ({"units": 7}, False),
        ({"units": 6}, True),
        ({"is_cold": True}, False),
    ],
)
def test_weight_and_cold_goods_want_a_courier_who_can_carry_them(load: dict[str, Any], *, is_able: bool) -> None:
    found = tick([delivery("d", **load)], [courier("c", has_cold_box=False)])

    assert (found != {}) is is_able
    assert carries(courier("c", has_cold_box=False), [delivery("d", **load)]) is is_able


def test_with_few_couriers_one_shop_and_one_way_are_bundled_up_to_three() -> None:
    doors = [delivery(name, door=(900 + 30 * place, 0)) for place, name in enumerate("abc")]

    found = tick(doors, [courier("c")])

    assert len(found["c"].delivery_ids) == 3


def test_with_couriers_enough_nobody_waits_for_anothers_food() -> None:
    pair = [delivery("a"), delivery("b", ready_s=NOON + 600, door=(-900, 0))]

    found = tick(pair, [courier(name) for name in ("c1", "c2", "c3", "c4")])

    assert [one.delivery_ids for one in found.values()] == [("a",)]


def test_near_shops_are_bundled_and_far_ones_are_not() -> None:
    def pair(meters: float) -> list[Delivery]:
        return [delivery("a"), delivery("b", shop_id="other", shop=(meters, 0), door=(950, 0))]

    scarce = BatchPolicy(Weights(worth_min=3))

    near, far = (tick(pair(meters), [courier("c")], scarce) for meters in (200, 800))

    assert sorted(near["c"].delivery_ids) == ["a", "b"]
    assert len(far["c"].delivery_ids) == 1


def test_what_stands_in_one_group_is_carried_together() -> None:
    pair = [delivery("a", group="trip"), delivery("b", group="trip", door=(-4000, 0))]

    found = tick(pair, [courier("c1"), courier("c2")])

    assert [sorted(one.delivery_ids) for one in found.values()] == [["a", "b"]]


def test_a_trip_grows_until_it_is_picked_up() -> None:
    held = delivery("held", ready_s=NOON + 60)
    busy = courier("busy", free_s=NOON + 900, inbound=Inbound(deliveries=(held,), arrives_s=NOON + 60))

    found = tick([delivery("new", door=(930, 0))], [busy])

    assert found["busy"].is_growth
    assert sorted(found["busy"].delivery_ids) == ["held", "new"]
    assert found["busy"].added_ids == ("new",)


def test_a_full_trip_does_not_grow() -> None:
    held = tuple(delivery(name, ready_s=NOON + 60) for name in "abc")
    busy = courier("busy", free_s=NOON + 900, inbound=Inbound(deliveries=held, arrives_s=NOON + 60))

    assert tick([delivery("new")], [busy]) == {}


def test_of_two_as_near_the_one_who_had_less_work_is_called() -> None:
    found = tick([delivery("d")], [courier("a", done_count=3), courier("b", done_count=0)])

    assert found.keys() == {"b"}
    assert [one.courier_id for one in found["b"].alternatives] == ["b", "a"]
    assert found["b"].alternatives[0].cost < found["b"].alternatives[1].cost


def test_the_older_of_two_goes_first_however_far() -> None:
    old = delivery("old", ready_s=NOON - 3600, placed_s=NOON - 5000, shop_id="far", shop=(0, 3000), door=(0, 6000))

    found = tick([delivery("new"), old], [courier("c")])

    assert found["c"].delivery_ids == ("old",)


def test_a_decision_tells_its_best_candidates() -> None:
    couriers = [courier(f"c{place}", place=(0, 300 * place)) for place in range(8)]

    decision = tick([delivery("d")], couriers)["c0"]

    assert decision.candidate_count == 8
    assert [one.courier_id for one in decision.alternatives] == ["c0", "c1", "c2", "c3", "c4"]
    assert [one.way_s for one in decision.alternatives] == [0, 60, 120, 180, 240]


@pytest.mark.parametrize("name", POLICIES)
def test_no_courier_and_no_delivery_stands_in_two_decisions(name: str) -> None:
    deliveries = [
        delivery(f"d{place:02}", shop_id=f"s{place % 5}", shop=(400 * (place % 5), 0), door=(100 * place, 500))
        for place in range(30)
    ]
    couriers = [courier(f"c{place}", place=(150 * place, 200)) for place in range(12)]
    problem = Problem(now_s=NOON, tick_s=60, deliveries=deliveries, couriers=couriers, travel=TRAVEL)

    decisions = POLICIES[name]().decide(problem)
    again = POLICIES[name]().decide(problem)

    called = [one.courier_id for one in decisions]
    added = [delivery_id for one in decisions for delivery_id in one.added_ids]
    assert decisions, "there is work and there are hands"
    assert len(set(called)) == len(called)
    assert len(set(added)) == len(added)
    assert decisions == again


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("couriers,deliveries", [([], [delivery("d")]), ([courier("c")], []), ([], [])])
def test_without_work_or_hands_nothing_is_decided(
    name: str, couriers: list[Courier], deliveries: list[Delivery]
) -> None:
    problem = Problem(now_s=NOON, tick_s=60, deliveries=deliveries, couriers=couriers, travel=TRAVEL)

    assert list(POLICIES[name]().decide(problem)) == []


def test_the_doors_of_a_bundle_are_served_in_the_order_that_waits_least() -> None:
    problem = Problem(now_s=NOON, tick_s=60, deliveries=[], couriers=[], travel=TRAVEL)
    three = [delivery("far", door=(2700, 0)), delivery("near", door=(300, 0)), delivery("mid", door=(1200, 0))]

    bundle = bundle_of(problem, three)

    assert [one.delivery_id for one in bundle.deliveries] == ["near", "mid", "far"]
    assert bundle.rides_s == (60, 240, 540)
    assert bundle.services_s == (240, 480, 720)


def test_at_two_near_shops_the_second_is_ready_when_the_courier_comes() -> None:
    problem = Problem(now_s=NOON, tick_s=60, deliveries=[], couriers=[], travel=TRAVEL)
    pair = [delivery("a"), delivery("b", shop_id="other", shop=(300, 0), ready_s=NOON + 1000)]

    bundle = bundle_of(problem, pair)

    assert bundle.counters == (("shop", 0), ("other", 60))
    assert bundle.ready_s == NOON + 1000 - 60 - 240


def test_who_is_far_is_asked_when_the_delivery_has_waited() -> None:
    far = courier("far", place=(0, 4500))  # 15 minutes
    within_ten = BatchPolicy(Weights(reach_s=600))

    fresh = tick([delivery("d", placed_s=NOON)], [far], within_ten)
    old = tick([delivery("d", placed_s=NOON - 300)], [far], within_ten)

    assert fresh == {}
    assert old.keys() == {"far"}
