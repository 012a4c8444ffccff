"""What else a day at a store holds: bills, a return, a community event; and a wire that kills the worker in the act."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from app.cli.demo.world import PIN
from app.cli.dev.simulate.http import Wire
from app.core.bills.numbers import CheckScheme, with_check
from app.kernel.clock import wall_now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

    from app.cli.dev.simulate.http import Person
    from app.cli.dev.stack import Stack
    from app.cli.dev.store_day import Day

BILLS, GUESTS, PLACES = 2, 3, 2
KILL_SHARE, KILL_WITHIN_S, KILLS_MAX = 0.15, 0.2, 12
BILL_WAIT_S = 180.0


class KillingWire(Wire):
    """A wire that kills the worker while some of the acts are under way, and so in what follows from them.

    :param seed: which acts, and how long after they were sent.
    """

    def __init__(self, stack: Stack, seed: int, say: Callable[[str], None]) -> None:
        super().__init__()
        self._stack, self._say = stack, say
        self._chance = random.Random(seed)  # noqa: S311 - a day that can be repeated, no secret
        self.kills = 0

    def send(self, method: str, url: str, **options: Any) -> httpx.Response:
        """Send a request; with some acts, the worker dies within :data:`KILL_WITHIN_S`."""
        if method == "GET" or self.kills >= KILLS_MAX or self._chance.random() >= KILL_SHARE:
            return super().send(method, url, **options)
        knife = threading.Timer(self._chance.random() * KILL_WITHIN_S, self._kill, (url.rsplit("/v1", 1)[-1],))
        knife.start()
        try:
            return super().send(method, url, **options)
        finally:
            knife.join()

    def _kill(self, act: str) -> None:
        with contextlib.suppress(ProcessLookupError):  # still down from the last time
            self._stack.kill("worker")
            self.kills += 1
            self._say(f"  killed the worker during {act}")


def pay_bills(day: Day) -> None:
    """Have residents bind accounts of a biller and top them up; each is paid once."""
    for number in range(1, BILLS + 1):
        payer = day.person("user", number)
        [biller] = [one for one in payer.get("/billers")["items"] if one["is_prepaid"] and one["kind"] == "electricity"]
        bound = {"biller_id": biller["biller_id"], "number": number_at(biller, day, number), "nickname": "家"}
        binding = payer.post("/bill-accounts", bound)["binding_id"]
        [quote] = payer.post(f"/bill-accounts/{binding}/queries")["quotes"]
        amount_fen = max(biller["minimum_fen"], 2_000) + number
        path = f"/bill-quotes/{quote['quote_id']}"
        grant = payer.post(f"{path}/step-up-grants", {"amount_fen": amount_fen, "pin": PIN})["grant_id"]
        paid = payer.post(f"{path}/payments", {"amount_fen": amount_fen, "step_up_grant": grant})
        _await_bill(day, payer, paid["bill_payment_id"])
        day.count("bills_fen", amount_fen)


def number_at(biller: Mapping[str, Any], day: Day, number: int) -> str:
    """Return an account with a biller that only this day has."""
    body = f"{day.seed % 10_000:04d}{number:0{biller['digits_min'] - 5}d}"
    return with_check(CheckScheme(biller["check_scheme"]), body)


def _await_bill(day: Day, payer: Person, bill_payment_id: str) -> None:
    deadline = time.monotonic() + BILL_WAIT_S
    while (state := payer.get(f"/bill-payments/{bill_payment_id}")["state"]) in {"debited", "submitted", "unknown"}:
        if time.monotonic() > deadline:
            break
        time.sleep(0.5)
    day.hold("bill", state, "succeeded")


def take_return(day: Day) -> None:
    """Have a resident hand goods in that they do not like; the shop gets them, and the money goes back."""
    resident, shop = day.person("user", 1), day.convenience
    order_id = day.order(resident, shop)
    day.hand_over(resident, shop, order_id, "R-00")
    asked = {"kind": "return", "reason": "not_as_described", "lines": [{"line": 1, "quantity": 1}]}
    case_id = resident.post(f"/orders/{order_id}/cases", asked)["case_id"]
    shop.post(f"/cases/{case_id}/answer", {"is_approved": True})
    handed_in = {"case_id": case_id, "slot": "R-01"}
    parcel_id = day.clerk.post("/returned-parcels", handed_in)["parcel_id"]
    day.refused("parcel_shelved", lambda: day.clerk.post("/returned-parcels", {"case_id": case_id, "slot": "R-02"}))
    day.hold("case of the return", resident.get(f"/cases/{case_id}")["state"], "sent_back")
    day.clerk.post(f"/parcels/{parcel_id}/passing-on")
    stands = shop.post(f"/cases/{case_id}/return-answer", {"is_approved": True, "is_resalable": True})
    day.hold("case that came back", stands["state"], "refunded")
    day.count("returned_fen", stands["refund_fen"])


def hold_event(day: Day) -> None:
    """Hold an event with fewer places than guests: one cancels, the next moves up, each comes in once."""
    now = wall_now()
    about = {
        "store_id": day.store_id,
        "title": "智能手机课",
        "words": "请带手机。",
        "place": "体验店",
        "from_at": (now + timedelta(minutes=30)).isoformat(),
        "until_at": (now + timedelta(minutes=90)).isoformat(),
        "capacity": PLACES,
    }
    activity_id = day.manager.post("/activities", about)["activity_id"]
    guests = [day.person("user", number) for number in _neighbors(day, activity_id)]
    signups = [one.post("/activity-signups", {"activity_id": activity_id}) for one in guests]
    day.hold("places", [one["state"] for one in signups], ["confirmed"] * PLACES + ["waiting"] * (GUESTS - PLACES))
    guests[0].post(f"/activity-signups/{signups[0]['signup_id']}/cancellation")
    for guest in guests[1:]:
        code = guest.get("/activity-signups")["items"][0]["code"]
        day.clerk.post("/activity-check-ins", {"code": code})
        day.refused("checked_in_already", lambda code=code: day.manager.post("/activity-check-ins", {"code": code}))
        day.count("guests", 1)


def _neighbors(day: Day, activity_id: str) -> list[int]:
    """Return numbers of the first demo residents who see the event."""
    found: list[int] = []
    for number in range(1, 60):
        seen = day.person("user", number).get("/activities")["items"]
        if any(one["activity_id"] == activity_id for one in seen):
            found.append(number)
        if len(found) == GUESTS:
            return found
    day.faults.append("too few residents see the event")
    return found
