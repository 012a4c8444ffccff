"""The people of the simulation. Each knows its own side of the API and nothing of the database."""

from __future__ import annotations

import base64
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.cli.dev.simulate.agenda import Rank
from app.cli.dev.simulate.http import PATIENCE_S, Person, Refused, Wire
from app.cli.dev.simulate.plan import Afterwards, Basket, Errand, Turn
from app.cli.dev.simulate.record import PaidPayment, Record
from app.cli.dev.simulate.world import PIN, World, degrees_of
from app.core.delivery.states import GONE
from app.core.payments.models import PaymentMethod

if TYPE_CHECKING:
    from app.cli.dev.simulate.agenda import Agenda
    from app.cli.dispatch.instance import Duty, Instance, Place

TRY_AGAIN_MINUTES = 10
TAKEN_BACK = {"stop_not_found", "delivery_not_found"}
"""What a courier is told about a trip that was taken back: that there is no such thing."""
NOT_NOW = {"trip_taken", "trip_out_of_reach", "trip_given_up", "too_many_trips", "too_many_grabs"}
"""What a courier is told about a trip that is not to be had, or not yet."""
DOOR_PHOTO = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAAAAACPAi4CAAAAKUlEQVR42u3MQREAAAwCIKMb3RD77SAA6VEEAoFAIBAIBAKBQCAQfA8G320AeXC6efoAAAAASUVORK5CYII="
)
"""A small gray picture, as from a camera with its lid on."""
INTENT = re.compile(r"pi_[A-Za-z0-9]+")
POLL_S = (0.02, 1.0)
"""First and longest pause between two looks at a payment, seconds."""


@dataclass(slots=True)
class City:
    """What all actors share."""

    instance: Instance
    world: World
    wire: Wire
    agenda: Agenda
    record: Record
    web: str
    gateway: str
    residents: dict[str, Person] = field(default_factory=dict)
    owners: dict[str, Person] = field(default_factory=dict)
    errands: dict[UUID, Errand] = field(default_factory=dict)
    """Orders that a shop has accepted."""
    freed: list[UUID] = field(default_factory=list)
    """Orders whose courier was freed, because the shop was late: somebody else may claim them."""

    def __post_init__(self) -> None:
        self.residents = {home.phone: self._person("user", home.phone) for home in self.world.homes.values()}
        self.owners = {name: self._person("merchant", shop.phone) for name, shop in self.world.shops.items()}

    def _person(self, side: str, phone: str) -> Person:
        return Person(self.wire, self.web, side, phone)

    def couriers(self) -> list[Courier]:
        """Return the couriers, each with its shift on the agenda."""
        return [
            Courier(self, duty, self._person("courier", self.world.courier_phones[duty.name]), duty.start)
            for duty in self.instance.duties
        ]

    def resident_of(self, door: Place) -> Person:
        """Return who lives behind ``door``."""
        return self.residents[self.world.homes[door].phone]


def buy(city: City, basket: Basket, minute: int) -> None:
    """Fill the cart, ask for the price, place and pay; then the shops answer."""
    buy_and_pay(city, basket)
    for errand in basket.errands:
        _answer(city, errand, minute)


def buy_and_pay(city: City, basket: Basket) -> None:
    """Fill the cart, ask for the price, place and pay; the errands of the basket know their orders then."""
    home, resident = city.world.homes[basket.door], city.resident_of(basket.door)
    with resident.lock:
        for errand in basket.errands:
            skus = city.world.shops[errand.wish.restaurant].sku_ids
            for sku_id, quantity in zip(skus, errand.quantities, strict=True):
                if quantity:
                    resident.put(f"/cart/lines/{sku_id}", {"quantity": quantity})
        quote = resident.post("/checkout-quotes", {"address_id": str(home.address_id)})
        wanted = {"address_id": str(home.address_id), "quote_version": quote["quote_version"]}
        placed = resident.post("/checkouts", wanted)
    city.record.placed({UUID(order["order_id"]): order["total_fen"] for order in placed["orders"]})
    if basket.method is PaymentMethod.WECHAT_PAY:
        path = f"/checkouts/{placed['checkout_id']}/payments"
        _scan(city, resident, resident.post(path, {"method": basket.method.value}))
    else:
        _pay(resident, placed)
    city.record.paid(UUID(placed["payment_id"]), PaidPayment(placed["total_fen"], basket.method))
    by_shop = {order["shop_id"]: UUID(order["order_id"]) for order in placed["orders"]}
    for errand in basket.errands:
        errand.order_id = by_shop[str(city.world.shops[errand.wish.restaurant].shop_id)]


def _pay(resident: Person, placed: dict[str, Any]) -> None:
    """Confirm with the PIN and pay from the e-account; once more when the session was lost between the two."""
    wanted = {"checkout_id": placed["checkout_id"], "amount_fen": placed["total_fen"], "pin": PIN}
    for is_last in (False, True):
        grant = resident.post("/step-up-grants", wanted)["grant_id"]
        try:
            body = {"method": PaymentMethod.E_ACCOUNT.value, "step_up_grant": grant}
            resident.post(f"/checkouts/{placed['checkout_id']}/payments", body)
        except Refused as refusal:
            if refusal.code != "step_up_refused" or is_last:
                raise
        else:
            return


def _scan(city: City, resident: Person, payment: dict[str, Any]) -> None:
    """Wait for the code, pay it as WeChat would, and wait until the payment is known as paid."""
    deadline, pause_s, is_scanned = time.monotonic() + PATIENCE_S, POLL_S[0], False
    while payment["state"] != "paid":
        found = INTENT.search(payment["qr_text"] or "")
        if found and not is_scanned:
            # A scan whose answer was lost is refused the second time: the payment tells what became of the first.
            city.wire.send("POST", f"{city.gateway}/sandbox/payment_intents/{found.group()}/pay")
            is_scanned = True
        else:
            time.sleep(pause_s)
            pause_s = min(POLL_S[1], pause_s * 1.5)
        if time.monotonic() > deadline:
            raise TimeoutError(f"payment {payment['payment_id']} is {payment['state']} after {PATIENCE_S:g} s")
        payment = resident.get(f"/payments/{payment['payment_id']}")


def _answer(city: City, errand: Errand, minute: int) -> None:
    """Let a paid order be canceled, rejected, or accepted and perhaps found short."""
    owner, order = city.owners[errand.wish.restaurant], f"/orders/{errand.order_id}"
    if errand.turn is Turn.CANCEL:
        city.resident_of(errand.door).post(f"{order}/cancellation")
        city.record.given_up(errand.order_id)
        return
    if errand.turn is Turn.REJECT:
        owner.post(f"{order}/rejection", {"reason": errand.rejection.value})
        city.record.given_up(errand.order_id)
        return
    owner.post(f"{order}/acceptance")
    if errand.turn is Turn.SHORT and owner.post(f"{order}/shortage", {"lines": [1]})["state"] == "canceled":
        city.record.given_up(errand.order_id)
        return
    city.errands[errand.order_id] = errand
    city.agenda.at(max(minute, errand.wish.ready_minute), Rank.READY, lambda _: _make_ready(city, errand))


def _make_ready(city: City, errand: Errand) -> None:
    city.owners[errand.wish.restaurant].post(f"/orders/{errand.order_id}/readiness")


@dataclass(slots=True)
class Courier:
    """One who carries one trip at a time: waits at the shop until it is ready, goes to the door, is free there."""

    city: City
    duty: Duty
    person: Person
    place: Place
    is_on: bool = False
    is_busy: bool = False

    def plan_shift(self) -> None:
        """Put the beginning and the end of the shift on the agenda."""
        agenda = self.city.agenda
        agenda.at(self.duty.on_minute, Rank.SHIFT, lambda _: self._come())
        agenda.at(self.duty.off_minute, Rank.SHIFT, lambda _: self._leave_if_idle())

    def is_free(self, minute: int) -> bool:
        """Say whether the courier would take a trip at ``minute``."""
        return self.is_on and not self.is_busy and minute < self.duty.off_minute

    def minutes_to(self, place: Place) -> int:
        """Return how long until the courier stands at the counter of a shop at ``place``."""
        return self.city.instance.travel_minutes(self.place, place) + _arriving(self.city.instance.pick_up_minutes)

    def claim(self, trip_id: str, minute: int) -> UUID | None:
        """Take a trip, and plan the way to its shop; return its order, or None when it was not to be had."""
        try:
            self.person.post(f"/trips/{trip_id}/claim")
        except Refused as refusal:
            if refusal.code in NOT_NOW:
                return None
            raise
        (delivery,) = self.person.get(f"/trips/{trip_id}")["deliveries"]
        errand = self.city.errands[UUID(delivery["order_id"])]
        shop = self.city.world.shops[errand.wish.restaurant]
        self.is_busy = True
        carry = Carry(self, errand, delivery["delivery_id"], delivery["pick_up_stop_id"], delivery["drop_stop_id"])
        self.city.agenda.at(minute + self.minutes_to(shop.place), Rank.CARRY, carry.arrive_at_shop)
        return errand.order_id

    def be_free_at(self, minute: int, place: Place) -> None:
        """Stand at ``place`` with free hands from ``minute`` on."""
        self.place = place
        self.city.agenda.at(minute, Rank.SHIFT, self._become_free)

    def end_day(self) -> None:
        """Go off shift if still on it, once time has decided what was left undecided."""
        if self.is_on:
            self._end_shift()

    def _become_free(self, minute: int) -> None:
        self.is_busy = False
        if minute >= self.duty.off_minute:
            self._leave_if_idle()

    def _come(self) -> None:
        lat, lng = degrees_of(self.place)
        self.person.put("/shift", {"lat": lat, "lng": lng})
        self.is_on = True

    def _leave_if_idle(self) -> None:
        if self.is_on and not self.is_busy:
            self._end_shift()

    def _end_shift(self) -> None:
        try:
            self.person.post("/shift/end")
        except Refused as refusal:
            if refusal.code != "shift_busy":  # an order that was left undecided is still in the bag
                raise
        else:
            self.is_on = False


@dataclass(slots=True)
class Carry:
    """One order on its way with a courier. Half of each stop's service minutes pass before the act, half after it."""

    courier: Courier
    errand: Errand
    delivery_id: str
    pick_up_stop_id: str
    drop_stop_id: str
    failures: int = 0

    @property
    def _city(self) -> City:
        return self.courier.city

    def arrive_at_shop(self, minute: int) -> None:
        """Stand at the counter; wait there until the order is ready."""
        if self._still_has(minute, f"/stops/{self.pick_up_stop_id}/arrival"):
            self._city.agenda.at(max(minute, self.errand.wish.ready_minute), Rank.CARRY, self._pick_up)

    def _pick_up(self, minute: int) -> None:
        owner = self._city.owners[self.errand.wish.restaurant]
        code = owner.get(f"/orders/{self.errand.order_id}")["pick_up_code"]
        if not self._still_has(minute, f"/deliveries/{self.delivery_id}/pick-up", {"code": code}):
            return
        instance = self._city.instance
        shop = self._city.world.shops[self.errand.wish.restaurant]
        way = instance.travel_minutes(shop.place, self.errand.door)
        service = _leaving(instance.pick_up_minutes) + _arriving(instance.drop_minutes)
        self._city.agenda.at(minute + way + service, Rank.CARRY, self._stand_at_door)

    def _still_has(self, minute: int, path: str, body: dict[str, Any] | None = None) -> bool:
        """Do an act at the shop; when the trip was taken back meanwhile, stand there with free hands."""
        try:
            self.courier.person.post(path, body)
        except Refused as refusal:
            if refusal.code not in TAKEN_BACK:
                raise
            self._city.freed.append(self.errand.order_id)
            self.courier.be_free_at(minute, self._city.world.shops[self.errand.wish.restaurant].place)
            return False
        return True

    def _stand_at_door(self, minute: int) -> None:
        courier, errand = self.courier.person, self.errand
        courier.post(f"/stops/{self.drop_stop_id}/arrival")
        if self._fails():
            courier.post(f"/deliveries/{self.delivery_id}/failure", {"reason": errand.failure.value})
            self.failures += 1
            self._decide(minute)
            return
        body = {"code": self._door_code()}
        if errand.has_photo:
            body = {"photo_id": courier.upload(f"/deliveries/{self.delivery_id}/photos", DOOR_PHOTO)["photo_id"]}
        courier.post(f"/deliveries/{self.delivery_id}/hand-over", body)
        self._city.record.delivered(self.errand.order_id)
        if errand.confirms_after_minutes is not None:
            self._city.agenda.at(minute + errand.confirms_after_minutes, Rank.CONFIRM, lambda _: self._confirm())
        self._go_on(minute)

    def _fails(self) -> bool:
        """Say whether the door stays shut: at the first try, and at the second for every other such order."""
        if self.errand.turn is not Turn.FAIL:
            return False
        return self.failures == 0 or (self.failures == 1 and self.errand.has_photo)

    def _decide(self, minute: int) -> None:
        if self.errand.afterwards is Afterwards.LEAVE:
            self._city.record.given_up(self.errand.order_id)
            self._go_on(minute)
        elif self.errand.afterwards is Afterwards.TRY_AGAIN and self.failures == 1:
            self._city.agenda.at(minute + TRY_AGAIN_MINUTES, Rank.CARRY, self._try_again)
        elif self._is_lost():
            self.courier.person.post(f"/deliveries/{self.delivery_id}/disposal")
            self._city.record.given_up(self.errand.order_id)
            self._go_on(minute)
        else:
            shop = self._city.world.shops[self.errand.wish.restaurant]
            back = minute + self._city.instance.travel_minutes(self.errand.door, shop.place)
            self._city.agenda.at(back, Rank.CARRY, self._bring_back)

    def _try_again(self, minute: int) -> None:
        self.courier.person.post(f"/deliveries/{self.delivery_id}/reattempt")
        self._stand_at_door(minute)

    def _bring_back(self, minute: int) -> None:
        self.courier.person.post(f"/deliveries/{self.delivery_id}/return")
        self._city.record.given_up(self.errand.order_id)
        self.courier.be_free_at(minute, self._city.world.shops[self.errand.wish.restaurant].place)

    def _is_lost(self) -> bool:
        shop = self._city.world.shops[self.errand.wish.restaurant]
        return shop.is_perishable or self.errand.failure in GONE

    def _go_on(self, minute: int) -> None:
        self.courier.be_free_at(minute + _leaving(self._city.instance.drop_minutes), self.errand.door)

    def _door_code(self) -> str:
        resident = self._city.resident_of(self.errand.door)
        code: str = resident.get(f"/orders/{self.errand.order_id}")["door_code"]
        return code

    def _confirm(self) -> None:
        self._city.resident_of(self.errand.door).post(f"/orders/{self.errand.order_id}/confirmation")


def _arriving(service_minutes: int) -> int:
    """Return the part of a stop's service minutes before the act."""
    return (service_minutes + 1) // 2


def _leaving(service_minutes: int) -> int:
    """Return the part of a stop's service minutes after the act."""
    return service_minutes // 2
