"""``dev.py store-day``: a day at an experience store over HTTP, then the same day with the worker killed at random.

Residents sign up with a clerk's help and are verified face to face; tickets are called; cash comes in and goes out;
bills are paid, by phone and at the desk, and money is sent there; orders are put on the shelf and collected, one comes
back; an event is held; the till is counted. The worker is killed in the midst of acts, not between them. At the end
float, books, limits and figures have to agree, and both days have to tell the same figures. Exit code 1 when they do
not.
"""

from __future__ import annotations

import argparse
import base64
import io
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
from PIL import Image
from rich.console import Console

from app.cli.demo.world import FIRST_MERCHANT_PHONE, PIN, SECOND_MERCHANT_PHONE
from app.cli.dev.environment import free_ports
from app.cli.dev.simulate.http import Person, Refused, Wire
from app.cli.dev.stack import Stack
from app.cli.dev.store_day_acts import PLACES, KillingWire, hold_event, pay_bills, take_return
from app.cli.dev.store_day_desk import ERRANDS, keep_queue, pay_at_desk, send_at_desk
from app.core.verification.id_numbers import check_character
from app.kernel.clock import SHANGHAI, wall_now

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

FLOAT_FEN = 2_000_000
NEWCOMERS, CUSTOMERS, COLLECTORS = 3, 6, 3
WAIT_S = 240.0
KILLS_MIN = 3
DAY_LIMIT_FEN = 200_000
SHOWN = (
    "residents_new", "helped_new", "orders_paid", "orders_paid_fen", "orders_completed", "cash_in_fen", "cash_out_fen",
    "cash_acts", "desk_acts", "errands_fen", "verifications", "parcels_shelved", "activities_held", "activity_guests",
)  # fmt: skip
"""Figures that the day decides; the others depend on the demo."""


@dataclass
class Day:
    """One day, and what it came to."""

    stack: Stack
    seed: int
    console: Console
    wire: Wire = field(default_factory=Wire)
    facts: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    people: dict[str, Person] = field(default_factory=dict)
    """Who signed in, by phone."""
    cards: list[dict[str, str]] = field(default_factory=list)
    """Names and numbers of the ID cards of newcomers."""

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311 - a day that can be repeated, no secret
        self.manager, self.clerk = self.person("store", 1), self.person("store", 2)
        self.admin = self.person("platform", 1)
        self.merchant = Person(self.wire, self.stack.urls.web, "merchant", FIRST_MERCHANT_PHONE)
        self.convenience = Person(self.wire, self.stack.urls.web, "merchant", SECOND_MERCHANT_PHONE)
        self.store_id = self.manager.get("/communities")["items"][0]["store_id"]
        self.till_id = ""
        self.cash_fen = 0

    def person(self, side: str, number: int) -> Person:
        """Return the demo's person of a side by number, the same at each call."""
        prefix = {"user": "139", "store": "136", "platform": "135"}[side]
        phone = f"+86{prefix}{number:08d}"
        return self.people.setdefault(phone, Person(self.wire, self.stack.urls.web, side, phone))

    def run(self) -> None:
        """Live the day."""
        steps: tuple[Callable[[], None], ...] = (
            self.open, self.sign_up, self.queue, self.serve, self.pay, self.collect, self.bring_back, self.gather,
            self.close, self.prove,
        )  # fmt: skip
        for step in steps:
            began = time.monotonic()
            step()
            self.console.print(f"  {step.__name__}: {time.monotonic() - began:.1f} s")

    def pay(self) -> None:
        """Have bills paid, by phone and at the desk, and money sent there."""
        pay_bills(self)
        pay_at_desk(self)
        send_at_desk(self)

    def queue(self) -> None:
        """Have tickets taken, called and served."""
        keep_queue(self)

    def bring_back(self) -> None:
        """Take goods back."""
        take_return(self)

    def gather(self) -> None:
        """Hold a community event."""
        hold_event(self)

    def open(self) -> None:
        """Supply a till from the bank, by two people, and open it with a count."""
        self.till_id = self.manager.post("/tills", {"store_id": self.store_id, "name": f"{self.seed} 号箱"})["till_id"]
        self.clerk.post(f"/tills/{self.till_id}/opening", {"counted_fen": 0})
        sent = self.admin.post("/cash-transfers", {"to_till_id": self.till_id, "amount_fen": FLOAT_FEN})
        self.clerk.post(f"/cash-transfers/{sent['transfer_id']}/receiving", {"counted_fen": FLOAT_FEN})
        self.cash_fen = FLOAT_FEN

    def sign_up(self) -> None:
        """Help newcomers sign up, and verify them face to face."""
        for number in range(NEWCOMERS):
            newcomer = self.person("user", 90_000_000 + self.seed % 1_000 * 100 + number)
            newcomer.sign_in()
            for agreement in newcomer.get("/consents")["items"]:
                if agreement["purpose"] in {"terms", "privacy"}:
                    named = {"purpose": agreement["purpose"], "version": agreement["current_version"], "is_given": True}
                    newcomer.put("/consents", named)
            code = self.clerk.post("/help-codes", {"store_id": self.store_id})["code"]
            newcomer.post("/helped-by", {"code": code})
            card = {"name": "陈晓", "id_number": self._id_number(number)}
            self.cards.append(card)
            newcomer.post("/verification", card)
            self._face(newcomer)
        self.facts["newcomers"] = NEWCOMERS

    def _face(self, newcomer: Person) -> None:
        shown = newcomer.post("/verification/codes")["code"]
        check = self.clerk.post("/verifications", {"code": shown})
        path = f"/verifications/{check['verification_id']}/confirmation"
        self.clerk.post(path, {"is_match": True, "photo": _photo()})
        self.refused("face_code_refused", lambda: self.manager.post("/verifications", {"code": shown}))

    def serve(self) -> None:
        """Take cash in and give it out, to the limits and not beyond."""
        for number in range(1, CUSTOMERS + 1):
            customer = self.person("user", number)
            visit = self.clerk.post("/desk-visits/by-code", {"code": customer.post("/desk-codes")["code"]})["visit_id"]
            in_fen, out_fen = self.chance.randrange(1_000, 90_000), self.chance.randrange(1_000, 90_000)
            self.clerk.post(f"/tills/{self.till_id}/cash-ins", {"visit_id": visit, "amount_fen": in_fen})
            self.clerk.post(f"/desk-visits/{visit}/confirmation", {"pin": PIN, "amount_fen": out_fen})
            self.clerk.post(f"/tills/{self.till_id}/cash-outs", {"visit_id": visit, "amount_fen": out_fen})
            self.cash_fen += in_fen - out_fen
            self.count("cash_in_fen", in_fen)
            self.count("cash_out_fen", out_fen)
            rest = {"visit_id": visit, "amount_fen": DAY_LIMIT_FEN - out_fen + 1}
            self.clerk.post(f"/desk-visits/{visit}/confirmation", {"pin": PIN, "amount_fen": DAY_LIMIT_FEN})
            over = f"/tills/{self.till_id}/cash-outs"
            self.refused("cash_limit_exceeded", lambda over=over, rest=rest: self.clerk.post(over, rest))

    def collect(self) -> None:
        """Put orders on the shelf and hand them over by code, once."""
        for number in range(COLLECTORS):
            resident = self.person("user", 1)
            self.hand_over(resident, self.merchant, self.order(resident, self.merchant), f"A-{number:02d}")

    def hand_over(self, resident: Person, shop: Person, order_id: str, slot: str) -> None:
        """Have an order made ready, put into a slot and collected by its code."""
        shop.post(f"/orders/{order_id}/acceptance")
        shop.post(f"/orders/{order_id}/readiness")
        self.clerk.post("/parcels", {"order_id": order_id, "slot": slot})
        code = resident.get(f"/orders/{order_id}")["collect_code"]
        at = f"/orders/{order_id}/collection"
        self.clerk.post(at, {"code": code})
        self.refused("illegal_transition", lambda: self.manager.post(at, {"code": code}))
        self.count("orders", 1)

    def order(self, resident: Person, shop: Person) -> str:
        """Have something of a shop bought that is collected at the store; return the order."""
        address_id = resident.get("/addresses")["items"][0]["address_id"]
        shop_id = shop.get("/shops")["items"][0]["shop_id"]
        sku = resident.get(f"/shops/{shop_id}/offers", limit=1)["items"][0]["skus"][0]
        resident.put(f"/cart/lines/{sku['sku_id']}", {"quantity": 4_000 // sku["price_fen"] + 1})
        body = {"address_id": address_id, "fulfillment": "store_pickup"}
        quote = resident.post("/checkout-quotes", body)
        placed = resident.post("/checkouts", {**body, "quote_version": quote["quote_version"]})
        total_fen, checkout_id = placed["total_fen"], placed["checkout_id"]
        wish = {"checkout_id": checkout_id, "amount_fen": total_fen, "pin": PIN}
        grant = resident.post("/step-up-grants", wish)["grant_id"]
        resident.post(f"/checkouts/{checkout_id}/payments", {"method": "e_account", "step_up_grant": grant})
        order_id: str = resident.get("/orders", limit=1)["items"][0]["order_id"]
        return order_id

    def close(self) -> None:
        """Count the till, off by a fen or not, and send the rest to the bank."""
        sent = self.clerk.post(f"/tills/{self.till_id}/cash-transfers", {"amount_fen": FLOAT_FEN // 2})
        self.admin.post(f"/cash-transfers/{sent['transfer_id']}/receiving", {"counted_fen": FLOAT_FEN // 2})
        self.cash_fen -= FLOAT_FEN // 2
        off_fen = self.chance.choice((-1, 0, 1))
        closed = self.clerk.post(f"/tills/{self.till_id}/closing", {"counted_fen": self.cash_fen + off_fen})
        self.cash_fen += off_fen
        self.hold("closing difference", closed["difference_fen"], off_fen)
        self.facts |= {"closing_fen": closed["counted_fen"], "difference_fen": off_fen}

    def prove(self) -> None:
        """Hold the float, the books and the figures against what was done."""
        proof = self.manager.get(f"/tills/{self.till_id}/proof")
        self.hold("till is sound", proof["is_sound"], wanted=True)
        self.hold("float", proof["cash_fen"], self.cash_fen)
        self.hold("books are sound", self.admin.post("/books/proof")["is_sound"], wanted=True)
        wanted = {
            "cash_in_fen": self.facts["cash_in_fen"],
            "cash_out_fen": self.facts["cash_out_fen"],
            "cash_acts": 2 * CUSTOMERS,
            "desk_acts": 2 * CUSTOMERS + ERRANDS,
            "errands_fen": self.facts["desk_bills_fen"] + self.facts["desk_sent_fen"],
            "verifications": NEWCOMERS,
            "parcels_shelved": COLLECTORS + 2,
            "orders_completed": COLLECTORS + 1,
            "helped_new": NEWCOMERS,
            "activities_held": 1,
            "activity_guests": PLACES,
        }
        told = self._figures(wanted)
        for name, value in wanted.items():
            self.hold(f"figure {name}", told[name], value)
        self.facts |= {f"figure {name}": told[name] for name in SHOWN}
        waiting = _read_until(lambda: self.manager.get("/parcels", state="waiting")["items"], lambda items: not items)
        self.hold("parcels that still wait", len(waiting), 0)

    def _figures(self, wanted: dict[str, int]) -> dict[str, int]:
        """Read today's figures until they are what is wanted, or the wait is over."""
        today = wall_now().astimezone(SHANGHAI).date().isoformat()

        def figures() -> dict[str, int]:
            [row] = self.manager.get("/store-figures", from_on=today, until_on=today)["items"]
            found: dict[str, int] = row["figures"]
            return found

        return _read_until(figures, lambda told: all(told[name] == value for name, value in wanted.items()))

    def _id_number(self, number: int) -> str:
        body = f"110108{1950 + self.chance.randrange(40)}0101{number:03d}"
        return body + check_character(body)

    def count(self, name: str, value: int) -> None:
        """Add to a fact of the day."""
        self.facts[name] = self.facts.get(name, 0) + value

    def hold(self, what: str, found: object, wanted: object) -> None:
        """Note a fault where something is not what it should be."""
        if found != wanted:
            self.faults.append(f"{what}: {found}, wanted {wanted}")

    def refused(self, code: str, act: Any) -> None:
        """Do what has to be refused with ``code``."""
        try:
            act()
        except Refused as refusal:
            self.hold(f"refusal {code}", refusal.code, code)
        else:
            self.faults.append(f"not refused: {code}")


def _read_until(read: Callable[[], T], is_there: Callable[[T], bool]) -> T:
    """Return what ``read`` says once it is there, or at the end of the wait: the worker follows what people do."""
    deadline = time.monotonic() + WAIT_S
    while not is_there(told := read()) and time.monotonic() < deadline:
        time.sleep(2)
    return told


def _photo() -> str:
    out = io.BytesIO()
    Image.new("RGB", (640, 400), "#88aacc").save(out, "JPEG")
    return base64.b64encode(out.getvalue()).decode()


def live(seed: int, *, is_killing: bool, console: Console) -> Day:
    """Live a day on a stack of its own."""
    with tempfile.TemporaryDirectory(prefix="linli-store-") as folder:
        stack = Stack(Path(folder), free_ports(), demo=True)
        with stack:
            stack.wait_ready()
            wire = KillingWire(stack, seed, console.print) if is_killing else Wire()
            day = Day(stack, seed, console, wire)
            try:
                day.run()
            finally:
                wire.close()
            if isinstance(wire, KillingWire):
                console.print(f"  the worker was killed {wire.kills} times, each time during an act")
                if wire.kills < KILLS_MIN:
                    day.faults.append(f"the worker was killed {wire.kills} times, wanted {KILLS_MIN} at least")
            return day


def main(arguments: Sequence[str]) -> int:
    """Live the day, live it again under kills, each in a process of its own; compare."""
    parser = argparse.ArgumentParser(prog="dev.py store-day", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--once", action="store_true", help="only the first day, without kills")
    parser.add_argument("--into", type=Path, help="live one day, and write what it came to into this file")
    parser.add_argument("--killed", action="store_true", help="of that day, kill the worker again and again")
    given = parser.parse_args(list(arguments))
    console = Console()
    if given.into is not None:
        day = live(given.seed, is_killing=given.killed, console=console)
        given.into.write_bytes(orjson.dumps({"facts": day.facts, "faults": day.faults}))
        return 0
    days = []
    for is_killed in (False,) if given.once else (False, True):
        console.print(f"store-day, seed {given.seed}{', the worker killed again and again' if is_killed else ''}")
        days.append(_lived(given.seed, is_killed=is_killed))
    return _compare(days, console)


def _lived(seed: int, *, is_killed: bool) -> dict[str, Any]:
    """Return what a day in a process of its own came to."""
    with tempfile.TemporaryDirectory(prefix="linli-day-") as folder:
        into = Path(folder) / "day.json"
        words = ("--seed", str(seed), "--into", str(into), *(("--killed",) if is_killed else ()))
        subprocess.run([sys.executable, "-m", "app.cli.dev.store_day", *words], check=True)
        found: dict[str, Any] = orjson.loads(into.read_bytes())
    return found


def _compare(days: list[dict[str, Any]], console: Console) -> int:
    for name in days[0]["facts"]:
        console.print(f"  {name}: {', '.join(str(day['facts'].get(name)) for day in days)}")
    faults = [fault for day in days for fault in day["faults"]]
    if any(day["facts"] != days[0]["facts"] for day in days):
        faults.append("the two days do not tell the same figures")
    for fault in faults:
        console.print(f"[red]{fault}[/red]")
    console.print("float, books, limits and figures agree" if not faults else f"{len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
