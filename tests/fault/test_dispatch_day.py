"""An evening with everything at once: couriers vanish with what they took, workers die, two run at once."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from app.core.delivery.errors import TripOfferOver
from app.core.delivery.models import ACTIVE_TRIPS_MAX, WEIGHT_G_MAX, Vehicle
from app.core.delivery.states import DispatchMode
from app.core.orders.states import OrderState
from app.kernel.errors import LinliError
from app.usecases.delivering.hand_over import deliver, door_code, pick_up, pick_up_code
from app.usecases.delivering.report_position import report_position
from app.usecases.dispatching.answer_offer import accept_offer
from app.usecases.dispatching.take_back import look_after_shifts
from app.usecases.dispatching.tick import dispatch_zone
from app.wiring import DISPATCH_POLICY
from tests.factories import a_claim, a_community, a_courier, a_merchant_with_shop, a_resident, an_order
from tests.factories.orders import RICH_FEN
from tests.factories.rows import look, look_one
from tests.support.dispatching import let_offer
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from flask import Flask

    from app.core.dispatch.problem import Decision, Problem
    from tests.factories import Community, Person
    from tests.support.business_clock import BusinessClock

SEED, ORDERS, COURIERS, VANISHING, ROUNDS = 20, 24, 10, 1, 60


class Dies(Exception):
    """The worker is gone between deciding and writing."""


@dataclass
class DyingPolicy:
    """The live policy, in a worker that dies at every second tick, before anything is written."""

    name: str = "batch"
    ticks: int = 0
    deaths: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def decide(self, problem: Problem) -> Sequence[Decision]:
        decisions = DISPATCH_POLICY.decide(problem)
        with self.lock:
            self.ticks += 1
            if self.ticks % 2 == 0:
                self.deaths += 1
                raise Dies
        return decisions


def together(app: Flask, acts: Sequence[Callable[[], object]]) -> None:
    """Do all ``acts`` in threads of their own; what is refused by a rule, or dies, is over."""

    def perform(act: Callable[[], object]) -> None:
        with app.app_context(), suppress(LinliError, Dies):
            act()

    threads = [threading.Thread(target=perform, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)


class Evening:
    """A zone with orders that are ready, and couriers of whom some vanish as soon as they took something."""

    def __init__(self, app: Flask, clock: BusinessClock) -> None:
        self.app, self.clock, self.random = app, clock, Random(SEED)
        self.community: Community = a_community()
        let_offer(self.community.community_id, DispatchMode.ASSIGN)
        shops = [a_merchant_with_shop(community=self.community) for _ in range(3)]
        resident = a_resident(balance_fen=10 * RICH_FEN)
        self.orders = [an_order(state=OrderState.READY, shop=shops[n % 3], resident=resident) for n in range(ORDERS)]
        self.couriers = [a_courier(community=self.community) for _ in range(COURIERS)]
        self.vanishing = {one.account_id for one in self.couriers[:VANISHING]}
        self.gone: set[UUID] = set()
        for courier in self.couriers:
            report_position(courier.actor, lat=self.community.lat, lng=self.community.lng, measured_at=clock.now())

    def act(self, courier: Person) -> None:
        """Answer an offer; carry what is in hand; report where one is. Who vanishes does nothing any more."""
        if courier.account_id in self.gone:
            return
        with suppress(LinliError):
            here = self.community
            report_position(courier.actor, lat=here.lat, lng=here.lng, measured_at=self.clock.now())
        live = "SELECT trip_offer_id FROM trip_offers WHERE courier_id = :id AND state = 'live'"
        for offer in look(live, id=courier.account_id):
            with suppress(TripOfferOver):
                accept_offer(courier.actor, a_claim(courier), trip_offer_id=offer.trip_offer_id)
            if courier.account_id in self.vanishing:
                self.gone.add(courier.account_id)
                return
        held = look(
            "SELECT d.delivery_id, d.order_id, d.state FROM trips AS t JOIN deliveries AS d USING (trip_id)"
            " WHERE t.courier_id = :id AND t.state = 'assigned' AND d.state IN ('assigned', 'picked_up')",
            id=courier.account_id,
        )
        for one in held:
            if one.state == "assigned":
                code = pick_up_code(one.order_id)
                pick_up(courier.actor, a_claim(courier), delivery_id=one.delivery_id, code=code)
            else:
                code = door_code(one.order_id)
                given = {"delivery_id": one.delivery_id, "code": code, "photo_id": None}
                deliver(courier.actor, a_claim(courier), **given)

    def left(self) -> int:
        ids = [order.order_id for order in self.orders]
        count = "SELECT count(*) FROM orders WHERE order_id = ANY(CAST(:ids AS uuid[])) AND state <> 'delivered'"
        return int(look_one(count, ids=ids))


def over_capacity(community: Community) -> list[UUID]:
    """Return couriers who carry more trips or weight than they may, counted from the trips themselves."""
    rows = look(
        "SELECT t.courier_id, k.vehicle, h.active_trips, count(*) AS trips, sum(t.weight_g)::bigint AS weight_g"
        " FROM trips AS t JOIN couriers AS k USING (courier_id)"
        " JOIN courier_shifts AS h ON h.courier_id = k.courier_id AND h.ended_at IS NULL"
        " WHERE t.community_id = :id AND t.state = 'assigned' GROUP BY 1, 2, 3",
        id=community.community_id,
    )
    return [
        row.courier_id
        for row in rows
        if row.trips > ACTIVE_TRIPS_MAX
        or row.trips != row.active_trips
        or row.weight_g > WEIGHT_G_MAX[Vehicle(row.vehicle)]
    ]


def test_every_order_ends_once_though_couriers_vanish_and_workers_die(app: Flask, clock: BusinessClock) -> None:
    evening, policy = Evening(app, clock), DyingPolicy()
    loads: list[list[UUID]] = []

    for _ in range(ROUNDS):
        tick = [lambda: dispatch_zone(policy, evening.community.store_id)] * 2
        together(app, [*tick, look_after_shifts])
        hands = evening.couriers[:]
        evening.random.shuffle(hands)
        together(app, [lambda courier=courier: evening.act(courier) for courier in hands])  # type: ignore[misc]
        loads.append(over_capacity(evening.community))
        if not evening.left():
            break
        clock.ahead(seconds=31)
        time.sleep(0.02)
        run_worker(app)

    ids = [order.order_id for order in evening.orders]
    delivered = look(
        "SELECT body ->> 'order_id' AS order_id FROM outbox WHERE kind = 'OrderDelivered'"
        " UNION ALL SELECT body ->> 'order_id' FROM live_events WHERE kind = 'OrderDelivered'",
    )
    ours = [row.order_id for row in delivered if row.order_id in {str(one) for one in ids}]
    assert evening.left() == 0, f"seed {SEED}"
    assert sorted(ours) == sorted(map(str, ids)), f"seed {SEED}: each order is handed over once"
    assert loads == [[]] * len(loads), f"seed {SEED}"
    assert evening.gone == evening.vanishing, f"seed {SEED}: they took something and vanished"
    assert policy.deaths > 0
    lost = look("SELECT reason FROM trip_releases WHERE courier_id = ANY(CAST(:ids AS uuid[]))", ids=list(evening.gone))
    assert {row.reason for row in lost} == {"silent"}
