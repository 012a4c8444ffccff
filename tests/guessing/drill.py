"""Guessing at sign-in codes as an attacker would, over the real application: at one phone, and once at each of many.

The attacker has as many addresses as wanted, each behind our one proxy, knows the owner's phone and the name of the
owner's device, and asks for a new code whenever one is given. The owner has signed in before, from a device that keeps
its token, and wants to come in during and after all that.
"""

from __future__ import annotations

import random
import secrets
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests.factories.rows import change

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

CODES = 1_000_000
DEVICE = "iPhone"
ASK_EVERY = 50
THREADS = 4
"""Also how many requests the process serves at once."""


@dataclass(frozen=True)
class Plan:
    """How much is guessed.

    :param guesses: at the owner's phone. :param phones: that get one guess each. :param addresses: of the attacker.
    """

    guesses: int
    phones: int
    addresses: int


@dataclass
class Outcome:
    """What came of it."""

    answers: dict[str, Counter[str]] = field(default_factory=dict)
    owner: dict[str, bool] = field(default_factory=dict)
    """Whether the owner came in, by when and how."""

    def count(self, attack: str, answer: TestResponse) -> None:
        document = answer.get_json(silent=True) or {}
        word = str(document.get("code", "")) if answer.status_code >= 400 else ""
        self.answers.setdefault(attack, Counter())[f"{answer.status_code} {word}".strip()] += 1

    @property
    def successes(self) -> int:
        """Guesses that opened a session."""
        return sum(counted["201"] for counted in self.answers.values())

    @property
    def faults(self) -> int:
        """Answers that say it is our fault."""
        return sum(
            count for counted in self.answers.values() for word, count in counted.items() if word.startswith("5")
        )

    @property
    def is_good(self) -> bool:
        """Nobody else came in, the owner did each time, and nothing broke."""
        return self.successes == 0 and self.faults == 0 and all(self.owner.values())


class Drill:
    """Runs a plan against an application; ``advance`` is told of every request of the attacker."""

    def __init__(self, app: Flask, plan: Plan, advance: Callable[[], None], seed: int) -> None:
        assert app.config["LINLI"].proxy_hops == 1, "the attacker's addresses come by one proxy"
        self.app, self.plan, self.advance = app, plan, advance
        self.chance = random.Random(seed)
        self.outcome = Outcome()
        self._mine = threading.local()
        self._counting = threading.Lock()
        self.phone = f"+86139{secrets.randbelow(10**8):08d}"
        self.token = ""

    def run(self) -> Outcome:
        """Sign the owner in once, guess, and see the owner in again and again."""
        self.token = self._come_in(DEVICE) or ""
        assert self.token, "the owner signs in before anything happens"
        self._later("2 minutes")
        guesses = list(self._guesses())
        middle = len(guesses) // 2
        self._together("one phone", guesses[:middle])
        self.outcome.owner["while guesses go on, from a known device"] = self._come_in(DEVICE, self.token) is not None
        self._later("2 minutes")
        self._together("one phone", guesses[middle:])
        self._together("many phones", [self._guess_once(n) for n in range(self.plan.phones)])
        self.outcome.owner["after all guesses, from a known device"] = self._come_in(DEVICE, self.token) is not None
        self._later("1 day")
        self.outcome.owner["a day later, from a new device"] = self._come_in("a new phone") is not None
        return self.outcome

    def _guesses(self) -> Iterator[Callable[[], list[TestResponse]]]:
        for n, code in enumerate(self.chance.sample(range(CODES), self.plan.guesses)):
            yield lambda n=n, code=code: self._guess(n, code)  # type: ignore[misc]

    def _guess(self, n: int, code: int) -> list[TestResponse]:
        device = DEVICE if n % 2 else "a thief's phone"
        told = {"phone": self.phone, "device": device}
        answers = [] if n % ASK_EVERY else [self._send("sign-in-codes", told, n)]
        return [*answers, self._send("sessions", {**told, "code": f"{code:06d}"}, n)]

    def _guess_once(self, n: int) -> Callable[[], list[TestResponse]]:
        told = {"phone": f"+86137{n:08d}", "device": f"device {n}"}
        code = f"{self.chance.randrange(CODES):06d}"
        return lambda: [self._send("sign-in-codes", told, n), self._send("sessions", {**told, "code": code}, n)]

    def _together(self, attack: str, guesses: list[Callable[[], list[TestResponse]]]) -> None:
        def one(guess: Callable[[], list[TestResponse]]) -> None:
            answers = guess()
            with self._counting:
                for answer in answers:
                    self.outcome.count(attack, answer)
                self.advance()

        with ThreadPoolExecutor(THREADS) as pool:
            for _ in pool.map(one, guesses):
                pass

    def _send(self, path: str, body: dict[str, str], n: int) -> TestResponse:
        number = n % self.plan.addresses
        came_from = f"203.0.113.7, 10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        return self._client.post(f"/user/v1/{path}", json=body, headers={"X-Forwarded-For": came_from})

    def _come_in(self, device: str, token: str | None = None) -> str | None:
        """Sign the owner in at home and return the device's token, or None when that was refused."""
        told = {"phone": self.phone, "device": device} | ({"device_token": token} if token else {})
        at_home = {"X-Forwarded-For": "192.0.2.1"}
        asked = self._client.post("/user/v1/sign-in-codes", json=told, headers=at_home)
        if asked.status_code != 202:
            return None
        shown = self._client.get("/dev/v1/messages", query_string={"phone": self.phone}).get_json()
        told["code"] = shown["items"][0]["code"]
        begun = self._client.post("/user/v1/sessions", json=told, headers=at_home)
        found: str | None = begun.get_json().get("device_token")
        return found

    @property
    def _client(self) -> FlaskClient:
        if not hasattr(self._mine, "client"):
            self._mine.client = self.app.test_client()
        return self._mine.client  # type: ignore[no-any-return]

    @staticmethod
    def _later(age: str) -> None:
        """Let all that is counted be older by ``age``."""
        change("UPDATE sign_in_codes SET created_at = created_at - CAST(:age AS interval)", age=age)
        if age == "1 day":
            change("DELETE FROM sign_in_failures")


def with_one_proxy(app: Flask) -> Flask:
    """Return an application like ``app`` behind one proxy of ours."""
    from app import create_app  # noqa: PLC0415 - `app` is a parameter's name here

    return create_app(replace(app.config["LINLI"], proxy_hops=1))
