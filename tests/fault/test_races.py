"""Races, with real threads and real commits: whoever comes first wins once, and nothing is counted twice."""

from __future__ import annotations

import random
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from app.core.delivery.errors import TripTaken
from app.core.delivery.states import FailureReason
from app.core.dispatch.hall import GRABS_MAX
from app.core.orders.models import CancelReason, Fulfillment
from app.core.orders.states import OrderState
from app.core.payments.models import PaymentMethod
from app.kernel import wire
from app.kernel.transaction import Replayed, transaction
from app.usecases.delivering import trips
from app.usecases.delivering.hand_over import deliver, door_code, pick_up, pick_up_code, return_to_shop
from app.usecases.delivering.shifts import end_shift
from app.usecases.delivering.trips import claim_trip, give_back_trip
from app.usecases.ordering.accept_order import accept_order
from app.usecases.ordering.cancel_checkout import cancel_checkout, expire_checkout
from app.usecases.ordering.cancel_order import cancel_order, lapse_order, reject_order
from app.usecases.ordering.finish_order import collect_code, collect_order, complete_order, confirm_order
from app.usecases.ordering.place_checkout import place_checkout
from app.usecases.ordering.prepare_order import ready_order
from app.usecases.paying.attempts import ask_gateway
from app.usecases.paying.pay_checkout import pay_checkout
from app.usecases.settling.settle import settle_due
from app.usecases.shopping.cart import put_in_cart
from app.usecases.shopping.quoting import quote_checkout
from app.wiring import gateway_of
from tests.factories import (
    AnOrder,
    Person,
    a_claim,
    a_community,
    a_courier,
    a_grant,
    a_merchant_with_shop,
    a_placed_checkout,
    a_resident,
    an_address,
    an_offer,
    an_order,
)
from tests.factories.rows import look, look_one
from tests.support.invariants import Invariants
from tests.support.races import Outcome, a_seed, at_once, known
from tests.support.sandbox_gateway import wait_until
from tests.support.worker import run_jobs, run_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from flask import Flask
    from flask.testing import FlaskClient

    from app.kernel.transaction import Transaction
    from tests.conftest import Gateway
    from tests.support.business_clock import BusinessClock

ROUNDS = 6


@pytest.fixture(autouse=True)
def _everything_adds_up(app: Flask) -> Iterator[None]:
    assert app is not None
    invariants = Invariants()
    yield
    invariants.check()


def done(outcomes: list[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.is_done]


def refusals(outcomes: list[Outcome]) -> Counter[str]:
    return Counter(outcome.refusal for outcome in outcomes if outcome.refusal is not None)


def pay(payer: Person, checkout_id: UUID, method: PaymentMethod = PaymentMethod.E_ACCOUNT) -> Callable[[], Any]:
    grant = a_grant(payer, checkout_id) if method is PaymentMethod.E_ACCOUNT else None
    return partial(
        pay_checkout, payer.actor, a_claim(payer), checkout_id=checkout_id, method=method, step_up_grant=grant
    )


def by_time(act: Callable[[Transaction, UUID], None], subject_id: UUID) -> Callable[[], None]:
    """Return what the timers would do."""

    def run() -> None:
        with transaction() as tx:
            act(tx, subject_id)

    return run


# ---------------------------------------------------------------------------------------------------------------- stock


def test_of_200_residents_who_want_one_of_50_pieces_50_get_one(app: Flask) -> None:
    shop = a_merchant_with_shop()
    offer = an_offer(shop, on_hand=50)

    def buy() -> Any:
        resident = a_resident()
        address_id = an_address(resident, near=shop)
        put_in_cart(resident.actor, sku_id=offer.sku_id, quantity=1)
        quote = quote_checkout(resident.actor, address_id=address_id, fulfillment=Fulfillment.DELIVERY)
        return place_checkout(
            resident.actor,
            a_claim(resident),
            address_id=address_id,
            quote_version=quote.version,
            fulfillment=Fulfillment.DELIVERY,
            note="",
        )

    outcomes = at_once(app, [buy] * 200)
    assert len(done(outcomes)) == 50
    assert refusals(outcomes) == {"sold_out": 150}
    [stock] = look("SELECT received, on_hand, reserved, sold FROM stock WHERE sku_id = :sku_id", sku_id=offer.sku_id)
    assert tuple(stock) == (50, 0, 50, 0)


def test_carts_filled_in_opposite_order_do_not_deadlock(app: Flask) -> None:
    """Two shelves, carts filled either way round, and checkouts given up at the same time."""
    community = a_community()
    shops = [a_merchant_with_shop(community=community) for _ in range(2)]
    offers = [an_offer(shop, on_hand=1_000) for shop in shops for _ in range(2)]

    def buy(lines: list[Any]) -> None:
        resident = a_resident()
        address_id = an_address(resident, near=shops[0])
        placed = a_placed_checkout(resident, address_id, [(offer, 1) for offer in lines])
        cancel_checkout(resident.actor, a_claim(resident), checkout_id=placed.checkout_id)

    outcomes = at_once(app, [partial(buy, offers), partial(buy, offers[::-1])] * 20)
    assert len(done(outcomes)) == 40
    assert [
        row.on_hand
        for row in look("SELECT on_hand FROM stock WHERE sku_id = ANY(:ids)", ids=[o.sku_id for o in offers])
    ] == [1_000] * 4


# ---------------------------------------------------------------------------------------------------------------- trips


def test_of_50_couriers_one_gets_the_trip(app: Flask) -> None:
    order = an_order(state=OrderState.PREPARING)
    couriers = [a_courier(community=order.shop.community) for _ in range(50)]
    outcomes = at_once(
        app, [partial(claim_trip, one.actor, a_claim(one), trip_id=known(order.trip_id)) for one in couriers]
    )
    assert len(done(outcomes)) == 1
    assert refusals(outcomes) == {"trip_taken": 49}
    [winner] = look("SELECT courier_id FROM trips WHERE trip_id = :trip_id", trip_id=known(order.trip_id))
    active = look(
        "SELECT courier_id, active_trips FROM courier_shifts WHERE courier_id = ANY(:ids) AND active_trips > 0",
        ids=[one.account_id for one in couriers],
    )
    assert [tuple(row) for row in active] == [(winner.courier_id, 1)]


def test_a_trip_that_others_were_refused_is_still_the_winners_and_anybodys_once_given_back() -> None:
    order = an_order(state=OrderState.PREPARING)
    winner, *others = [a_courier(community=order.shop.community) for _ in range(4)]
    trip_id, claim = known(order.trip_id), a_claim(winner)
    claim_trip(winner.actor, claim, trip_id=trip_id)
    for other in others:
        with pytest.raises(TripTaken):
            claim_trip(other.actor, a_claim(other), trip_id=trip_id)

    with pytest.raises(Replayed):
        claim_trip(winner.actor, claim, trip_id=trip_id)
    give_back_trip(winner.actor, a_claim(winner), trip_id=trip_id)
    claim_trip(others[0].actor, a_claim(others[0]), trip_id=trip_id)

    with pytest.raises(TripTaken):
        claim_trip(winner.actor, a_claim(winner), trip_id=trip_id)


def test_what_one_glance_saw_is_told_to_the_crowd_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    order = an_order(state=OrderState.PREPARING)
    winner, *others = [a_courier(community=order.shop.community) for _ in range(4)]
    claim_trip(winner.actor, a_claim(winner), trip_id=known(order.trip_id))
    looks: list[int] = []
    for other, glanced_s in zip(others, (60.0, 60.0, 0.0), strict=True):
        monkeypatch.setattr(trips, "GLANCED_S", glanced_s)
        seen: list[str] = []
        monkeypatch.setattr(wire, "observers", [seen.append])
        with pytest.raises(TripTaken):
            claim_trip(other.actor, a_claim(other), trip_id=known(order.trip_id))
        looks.append(len(seen))

    assert looks == [1, 0, 1]


def test_a_courier_gets_two_trips_of_ten_claimed_at_once(app: Flask) -> None:
    shop = a_merchant_with_shop()
    orders = [an_order(state=OrderState.PREPARING, shop=shop) for _ in range(10)]
    courier = a_courier(community=shop.community)
    outcomes = at_once(
        app, [partial(claim_trip, courier.actor, a_claim(courier), trip_id=known(order.trip_id)) for order in orders]
    )
    assert len(done(outcomes)) == GRABS_MAX
    assert refusals(outcomes) == {"too_many_grabs": 10 - GRABS_MAX}


def test_a_shift_does_not_end_under_a_claim(app: Flask) -> None:
    for _ in range(ROUNDS):
        order = an_order(state=OrderState.PREPARING)
        courier = a_courier(community=order.shop.community)
        claimed, ended = at_once(
            app,
            [
                partial(claim_trip, courier.actor, a_claim(courier), trip_id=known(order.trip_id)),
                partial(end_shift, courier.actor, a_claim(courier)),
            ],
        )
        assert claimed.is_done != ended.is_done
        assert claimed.is_done or claimed.refusal in {"not_on_shift", "too_many_trips"}
        assert ended.is_done or ended.refusal == "shift_busy"


def test_a_trip_is_given_back_or_called_off(app: Flask) -> None:
    for _ in range(ROUNDS):
        order = an_order(state=OrderState.PREPARING, with_courier=True)
        carrier, resident = order.carrier, order.resident
        given_back, canceled = at_once(
            app,
            [
                partial(give_back_trip, carrier.actor, a_claim(carrier), trip_id=known(order.trip_id)),
                partial(cancel_order, resident.actor, a_claim(resident), order_id=order.order_id),
            ],
        )
        assert canceled.is_done
        assert given_back.is_done or given_back.refusal == "illegal_transition"
        assert look_one("SELECT state FROM trips WHERE trip_id = :trip_id", trip_id=order.trip_id) == "canceled"


# -------------------------------------------------------------------------------------------------------------- payment


def test_a_checkout_is_paid_or_canceled(app: Flask) -> None:
    seen = Counter[str]()
    for _ in range(2 * ROUNDS):
        order = an_order(state=OrderState.AWAITING_PAYMENT)
        resident = order.resident
        paid, canceled = at_once(
            app,
            [
                pay(resident, order.checkout_id),
                partial(cancel_checkout, resident.actor, a_claim(resident), checkout_id=order.checkout_id),
            ],
        )
        assert paid.is_done != canceled.is_done
        assert (paid.refusal or canceled.refusal) in {"checkout_closed", "illegal_transition"}
        seen[order.state] += 1
    assert sum(seen.values()) == 2 * ROUNDS


def test_a_checkout_is_paid_or_expires(app: Flask) -> None:
    for _ in range(ROUNDS):
        order = an_order(state=OrderState.AWAITING_PAYMENT)
        paid, expired, again = at_once(
            app,
            [pay(order.resident, order.checkout_id), *[by_time(expire_checkout, order.checkout_id)] * 2],
        )
        assert [expired.is_done, again.is_done] == [True, True]
        assert order.state is (OrderState.AWAITING_ACCEPT if paid.is_done else OrderState.CANCELED)
        assert paid.is_done or paid.refusal == "checkout_closed"


def test_a_checkout_is_paid_once(app: Flask) -> None:
    order = an_order(state=OrderState.AWAITING_PAYMENT)
    outcomes = at_once(app, [pay(order.resident, order.checkout_id) for _ in range(10)])
    assert len(done(outcomes)) == 1
    assert refusals(outcomes) == {"already_paid": 9}
    balance = look_one(
        "SELECT posted_fen FROM ledger.balance WHERE code = :code", code=f"e_account:{order.resident.account_id}"
    )
    assert balance == 1_000_000 - order.total_fen


def test_one_balance_does_not_pay_two_checkouts(app: Flask) -> None:
    shop = a_merchant_with_shop()
    offer = an_offer(shop, price_fen=1_000)
    resident = a_resident(balance_fen=1_300)  # one piece and its delivery
    address_id = an_address(resident, near=shop)
    checkouts = [a_placed_checkout(resident, address_id, [(offer, 1)]) for _ in range(5)]
    outcomes = at_once(app, [pay(resident, placed.checkout_id) for placed in checkouts])
    assert len(done(outcomes)) == 1
    assert refusals(outcomes) == {"insufficient_funds": 4}


def test_the_e_account_and_wechat_do_not_both_pay(app: Flask, gateway: Gateway) -> None:
    """What the code brings after the e-account has paid goes back, and a code that nobody needs is called off."""
    invariants = Invariants(gateway.sandbox)
    for _ in range(3):
        order = an_order(state=OrderState.AWAITING_PAYMENT)
        started = pay(order.resident, order.checkout_id, PaymentMethod.WECHAT_PAY)()
        ask_gateway(gateway_of(app), started.attempt_id)
        [intent] = look("SELECT intent_id FROM payment_attempts WHERE attempt_id = :id", id=started.attempt_id)
        gateway.pay(intent.intent_id).raise_for_status()
        by_account, *_ = at_once(
            app,
            [
                pay(order.resident, order.checkout_id),
                *[partial(ask_gateway, gateway_of(app), started.attempt_id)] * 4,
            ],
        )
        run_worker(app)
        run_jobs(app)
        assert order.state is OrderState.AWAITING_ACCEPT
        refunds = look("SELECT state, reason FROM refunds WHERE payment_id = :id", id=order.payment_id)
        assert [tuple(row) for row in refunds] == ([("succeeded", "late_money")] if by_account.is_done else [])
        assert by_account.is_done or by_account.refusal == "already_paid"
    invariants.check()


def test_a_code_left_open_is_called_off_when_the_e_account_pays(app: Flask, gateway: Gateway) -> None:
    order = an_order(state=OrderState.AWAITING_PAYMENT)
    started = pay(order.resident, order.checkout_id, PaymentMethod.WECHAT_PAY)()
    ask_gateway(gateway_of(app), started.attempt_id)
    pay(order.resident, order.checkout_id)()
    run_worker(app)
    run_jobs(app)
    [attempt] = look("SELECT state, intent_id FROM payment_attempts WHERE attempt_id = :id", id=started.attempt_id)
    assert attempt.state == "expired"
    assert gateway.sandbox.client().retrieve_intent(attempt.intent_id).state == "canceled"


def test_the_same_notice_50_times_with_a_cancelation_pays_once_or_goes_back_once(
    app: Flask, client: FlaskClient, gateway: Gateway
) -> None:
    seed = a_seed()
    invariants = Invariants(gateway.sandbox)
    seen = set()
    for number in range(4):
        order = an_order(state=OrderState.AWAITING_PAYMENT)
        resident = order.resident
        started = pay(resident, order.checkout_id, PaymentMethod.WECHAT_PAY)()
        ask_gateway(gateway_of(app), started.attempt_id)
        [attempt] = look("SELECT intent_id FROM payment_attempts WHERE attempt_id = :id", id=started.attempt_id)
        gateway.listener.notices.clear()
        gateway.pay(attempt.intent_id).raise_for_status()
        payload, signature = _wait_for_notice(gateway)

        def notify(payload: bytes = payload, signature: str = signature) -> None:
            answer = app.test_client().post(
                "/gateway/v1/stripe/events", data=payload, headers={"Stripe-Signature": signature}
            )
            assert answer.status_code == 200, answer.text

        def work() -> None:
            run_worker(app)

        acts: list[Callable[[], Any]] = (
            [notify] * 50 + [partial(ask_gateway, gateway_of(app), started.attempt_id)] * 3 + [work]
        )
        random.Random(seed + number).shuffle(acts)
        cancel = partial(cancel_checkout, resident.actor, a_claim(resident), checkout_id=order.checkout_id)
        acts.insert(random.Random(seed + number).randrange(8) if number else 0, cancel)
        at_once(app, acts)
        run_worker(app)
        run_jobs(app)
        run_worker(app)
        run_jobs(app)
        [row] = look(
            """
            SELECT o.state, p.state AS payment, count(r.refund_id) AS refunds,
                count(r.refund_id) FILTER (WHERE r.state = 'succeeded') AS returned
            FROM orders AS o JOIN payments AS p USING (checkout_id)
            LEFT JOIN refunds AS r ON r.payment_id = p.payment_id
            WHERE o.order_id = :order_id GROUP BY o.state, p.state
            """,
            order_id=order.order_id,
        )
        assert tuple(row) in {("awaiting_accept", "paid", 0, 0), ("canceled", "closed", 1, 1)}
        seen.add(row.state)
        stored = "SELECT count(*) FROM gateway_events WHERE object_id = :id"
        assert look_one(stored, id=attempt.intent_id) == 1
    invariants.check()


def _wait_for_notice(gateway: Gateway) -> tuple[bytes, str]:
    found: tuple[bytes, str] = wait_until(
        lambda: next((n for n in gateway.listener.notices if b'"payment_intent.succeeded"' in n[0]), None)
    )
    return found


# --------------------------------------------------------------------------------------------------------------- orders


def test_an_order_is_accepted_or_ends(app: Flask) -> None:
    """Shop, resident and time at once; what was accepted may still be canceled within two minutes, the rest may not."""
    seed = a_seed()
    for number in range(2 * ROUNDS):
        order = an_order()
        owner, resident = order.shop.owner, order.resident
        names = ["accept", "reject", "cancel", "lapse"]
        acts: list[Callable[[], Any]] = [
            partial(accept_order, owner.actor, a_claim(owner), order_id=order.order_id),
            partial(
                reject_order, owner.actor, a_claim(owner), order_id=order.order_id, reason=CancelReason.OUT_OF_STOCK
            ),
            partial(cancel_order, resident.actor, a_claim(resident), order_id=order.order_id),
            by_time(lapse_order, order.order_id),
        ]
        turn = random.Random(seed + number).sample(range(4), 4)
        found = dict(zip([names[i] for i in turn], at_once(app, [acts[i] for i in turn]), strict=True))
        assert order.state is OrderState.CANCELED
        ends = [name for name in ("reject", "cancel") if found[name].is_done]
        assert len(ends) <= 1
        refused = {found[name].refusal for name in names} - {None}
        assert refused <= {"illegal_transition"}
        refunds = look("SELECT amount_fen, state FROM refunds WHERE order_id = :id", id=order.order_id)
        assert [tuple(row) for row in refunds] == [(order.total_fen, "succeeded")]
        trips = look(
            "SELECT t.state FROM deliveries JOIN trips AS t USING (trip_id) WHERE order_id = :id", id=order.order_id
        )
        assert [row.state for row in trips] == (["canceled"] if found["accept"].is_done else [])


def test_an_order_is_delivered_once(app: Flask) -> None:
    order = an_order(state=OrderState.IN_DELIVERY)
    carrier = order.carrier
    outcomes = at_once(
        app,
        [
            partial(
                deliver,
                carrier.actor,
                a_claim(carrier),
                delivery_id=known(order.delivery_id),
                code=door_code(order.order_id),
                photo_id=None,
            )
            for _ in range(8)
        ],
    )
    assert len(done(outcomes)) == 1
    assert refusals(outcomes) == {"illegal_transition": 7}


def test_an_order_is_completed_once(app: Flask) -> None:
    for _ in range(ROUNDS):
        order = an_order(state=OrderState.DELIVERED)
        resident = order.resident
        at_once(
            app,
            [
                *[partial(confirm_order, resident.actor, a_claim(resident), order_id=order.order_id) for _ in range(3)],
                *[by_time(complete_order, order.order_id)] * 3,
            ],
        )
        assert order.state is OrderState.COMPLETED
        earned = look("SELECT party_kind FROM settlement_items WHERE order_id = :id ORDER BY 1", id=order.order_id)
        assert [row.party_kind for row in earned] == ["courier", "merchant"]


def test_earnings_are_settled_once(app: Flask, clock: BusinessClock) -> None:
    shop = a_merchant_with_shop()
    courier = a_courier(community=shop.community)
    resident = a_resident(balance_fen=1_000_000)
    for _ in range(3):
        an_order(state=OrderState.COMPLETED, shop=shop, courier=courier, resident=resident)
    clock.ahead(days=1)
    parties = [shop.merchant_id, courier.account_id]
    outcomes = at_once(app, [partial(settle_due, only=[party]) for party in parties for _ in range(6)])
    earned = look_one(
        "SELECT sum(amount_fen) FROM settlement_items WHERE party_id = ANY(:ids)",
        ids=[shop.merchant_id, courier.account_id],
    )
    assert sum(outcome.answer.income_fen for outcome in outcomes) == earned
    assert sum(outcome.answer.statements for outcome in outcomes) == 2


# ----------------------------------------------------------------------------------------------------- idempotency keys


def test_one_key_20_times_at_once_is_one_effect_and_one_answer(app: Flask) -> None:
    order = an_order(state=OrderState.AWAITING_PAYMENT)
    resident, key = order.resident, "the-same-key-for-all"
    body = {"method": "e_account", "step_up_grant": str(a_grant(resident, order.checkout_id))}

    def send() -> tuple[int, bytes]:
        answer = app.test_client().post(
            f"/user/v1/checkouts/{order.checkout_id}/payments",
            json=body,
            headers=resident.once(key),
        )
        return answer.status_code, answer.get_data()

    outcomes = at_once(app, [send] * 20)
    assert {outcome.answer[0] for outcome in outcomes} == {201}
    assert len({outcome.answer[1] for outcome in outcomes}) == 1
    journals = "SELECT count(DISTINCT journal_id) FROM ledger.leg WHERE ref = :ref"
    assert look_one(journals, ref=str(order.checkout_id)) == 1


def test_one_key_with_different_bodies_at_once_is_one_effect(app: Flask) -> None:
    order = an_order(state=OrderState.AWAITING_PAYMENT)
    resident, key = order.resident, "one-key-for-two-things"
    grant = str(a_grant(resident, order.checkout_id))
    bodies: list[dict[str, str]] = [{"method": "e_account", "step_up_grant": grant}, {"method": "wechat_pay"}]

    def send(body: dict[str, str]) -> tuple[int, str | None]:
        answer = app.test_client().post(
            f"/user/v1/checkouts/{order.checkout_id}/payments", json=body, headers=resident.once(key)
        )
        return answer.status_code, answer.get_json().get("code")

    outcomes = at_once(app, [partial(send, body) for body in bodies * 5])
    seen = Counter(outcome.answer for outcome in outcomes)
    assert seen == {(201, None): 5, (409, "idempotency_key_reused"): 5}


def test_a_wrong_code_leaves_its_key_free(app: Flask) -> None:
    """A refused request is not kept: the same key may be sent again, and the try is counted each time."""
    order = an_order(state=OrderState.READY, fulfillment=Fulfillment.STORE_PICKUP)
    clerk = order.counter
    claim = a_claim(clerk)
    wrong = "000000" if collect_code(order.order_id) != "000000" else "000001"
    for _ in range(2):
        [outcome] = at_once(app, [partial(collect_order, clerk.actor, claim, order_id=order.order_id, code=wrong)])
        assert outcome.refusal == "wrong_code"
    assert look_one("SELECT code_tries_left FROM orders WHERE order_id = :id", id=order.order_id) == 3
    [outcome] = at_once(
        app, [partial(collect_order, clerk.actor, claim, order_id=order.order_id, code=collect_code(order.order_id))]
    )
    assert outcome.is_done
    assert order.state is OrderState.COMPLETED


@pytest.mark.parametrize("place", ["counter", "door"])
def test_many_hands_do_not_get_more_tries_at_a_code(app: Flask, place: str) -> None:
    if place == "counter":
        order = an_order(state=OrderState.READY, with_courier=True)
        wrong = "0000" if pick_up_code(order.order_id) != "0000" else "0001"
        act = partial(pick_up, code=wrong)
    else:
        order = an_order(state=OrderState.IN_DELIVERY)
        wrong = "0000" if door_code(order.order_id) != "0000" else "0001"
        act = partial(deliver, code=wrong, photo_id=None)
    carrier = order.carrier
    outcomes = at_once(
        app, [partial(act, carrier.actor, a_claim(carrier), delivery_id=known(order.delivery_id)) for _ in range(16)]
    )
    assert refusals(outcomes) == {"wrong_code": 5, "code_locked": 11}
    assert not look("SELECT 1 FROM idempotency_keys WHERE principal_id = :id AND result IS NULL", id=carrier.account_id)


# ----------------------------------------------------------------------------------------------------------- lock order


def test_orders_of_one_checkout_end_while_it_is_asked_to_be_paid_again(app: Flask) -> None:
    """Ending an order takes the payment's row: whoever locks the checkout does not hold it while waiting for orders."""
    for _ in range(ROUNDS):
        resident, orders, checkout_id = _two_orders_of_one_checkout()
        outcomes = at_once(
            app,
            [
                *[partial(cancel_order, resident.actor, a_claim(resident), order_id=order_id) for order_id in orders],
                *[pay(resident, checkout_id) for _ in range(8)],
            ],
        )
        assert [outcome.is_done for outcome in outcomes[:2]] == [True, True]
        assert refusals(outcomes) == {"already_paid": 8}


def test_what_one_courier_carries_of_one_resident_ends_two_ways_at_once(app: Flask) -> None:
    """One is brought back while the other is canceled: both move the resident's money and the courier's shift."""
    for _ in range(ROUNDS):
        first = an_order(state=OrderState.DELIVERY_FAILED, reason=FailureReason.UNSAFE)
        carrier, resident = first.carrier, first.resident
        second = an_order(
            state=OrderState.PREPARING, shop=first.shop, resident=resident, courier=carrier, with_courier=True
        )
        outcomes = at_once(
            app,
            [
                partial(return_to_shop, carrier.actor, a_claim(carrier), delivery_id=known(first.delivery_id)),
                partial(cancel_order, resident.actor, a_claim(resident), order_id=second.order_id),
            ],
        )
        assert len(done(outcomes)) == 2
        shift = "SELECT active_trips FROM courier_shifts WHERE courier_id = :id AND ended_at IS NULL"
        assert look_one(shift, id=carrier.account_id) == 0


def test_everything_at_once_on_one_shelf(app: Flask) -> None:
    """Orders of the same goods, residents and courier move in all directions; nobody waits in a ring."""
    seed = a_seed()
    shop = a_merchant_with_shop()
    offers = [(an_offer(shop, on_hand=500), 1) for _ in range(3)]
    resident = a_resident(balance_fen=10_000_000)
    couriers = [a_courier(community=shop.community) for _ in range(2)]
    for courier in couriers:  # opens all accounts: two who open one at once may be told apart by the server (ADR 26)
        an_order(state=OrderState.COMPLETED, shop=shop, resident=resident, lines=offers, courier=courier)
    states = [OrderState.AWAITING_ACCEPT, OrderState.PREPARING, OrderState.READY, OrderState.DELIVERED]
    orders = [
        an_order(
            state=state,
            shop=shop,
            resident=resident,
            lines=offers,
            courier=couriers[number % 2],
            with_courier=state is OrderState.PREPARING and number < 2,
        )
        for number in range(5)
        for state in states
    ]
    acts = [act for order in orders for act in _next_moves(order, couriers)]
    outcomes = at_once(app, random.Random(seed).sample(acts, len(acts)))
    assert done(outcomes)


def _next_moves(order: AnOrder, couriers: list[Person]) -> list[Callable[[], Any]]:
    owner, resident = order.shop.owner, order.resident
    moves: list[Callable[[], Any]] = [
        partial(cancel_order, resident.actor, a_claim(resident), order_id=order.order_id),
        partial(accept_order, owner.actor, a_claim(owner), order_id=order.order_id),
        partial(ready_order, owner.actor, a_claim(owner), order_id=order.order_id),
        partial(confirm_order, resident.actor, a_claim(resident), order_id=order.order_id),
        by_time(complete_order, order.order_id),
    ]
    if order.trip_id is not None:
        for one in couriers:
            moves.append(partial(claim_trip, one.actor, a_claim(one), trip_id=known(order.trip_id)))
            moves.append(partial(give_back_trip, one.actor, a_claim(one), trip_id=known(order.trip_id)))
    return moves


def _two_orders_of_one_checkout() -> tuple[Person, list[UUID], UUID]:
    community = a_community()
    shops = [a_merchant_with_shop(community=community) for _ in range(2)]
    resident = a_resident(balance_fen=100_000)
    address_id = an_address(resident, near=shops[0])
    placed = a_placed_checkout(resident, address_id, [(an_offer(shop, on_hand=9), 1) for shop in shops])
    pay(resident, placed.checkout_id)()
    return resident, [order.order_id for order in placed.orders], placed.checkout_id
