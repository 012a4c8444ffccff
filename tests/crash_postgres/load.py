"""Hands that post to the books without a pause, and remember what was acknowledged, whatever happens to the server."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy.exc import DBAPIError

from app.core import ledger
from app.core.ledger import HoldNotFound, InsufficientFunds, Journal, JournalKind, Leg, codes
from app.kernel.transaction import transaction_on
from tests.support.ledger_drills import person

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    from app.kernel.transaction import Transaction

PEOPLE = 40
HOLD_LASTS = timedelta(days=1)
AGAIN_S = 0.05
TRIES_S_MAX = 120.0
"""A server that does not come back within this ends the drill."""

Legs = tuple[tuple[str, int], ...]


@dataclass
class Acknowledged:
    """What a commit has told us of: journals by key with their legs, and holds by key."""

    journals: dict[str, Legs] = field(default_factory=dict)
    holds: dict[str, int] = field(default_factory=dict)
    unknown: int = 0
    replayed: int = 0
    refused: int = 0

    @property
    def count(self) -> int:
        """How many operations were acknowledged."""
        return len(self.journals) + len(self.holds)


class Hand(threading.Thread):
    """Posts one thing after the other, each under its own key; what was cut off is sent again under the same key."""

    def __init__(self, number: int, engine: Engine, seed: int, stop: threading.Event) -> None:
        super().__init__(name=f"hand {number}", daemon=True)
        self.number, self.engine, self.stop = number, engine, stop
        self.dice = random.Random(f"{seed}:{number}")
        self.acknowledged = Acknowledged()
        self.error: BaseException | None = None

    def run(self) -> None:
        """Post until told to stop."""
        step = 0
        try:
            while not self.stop.is_set():
                step += 1
                key = f"load:{self.number}:{step}"
                self.dice.choice((self._transfer, self._transfer, self._several, self._hold))(key)
        except BaseException as error:  # noqa: BLE001 - told by the drill, which fails then
            self.error = error

    def _until_known(self, act: Callable[[Transaction], bool]) -> bool:
        """Do ``act`` in a transaction until its outcome is known; False when it is refused."""
        began = time.monotonic()
        while True:
            try:
                with transaction_on(self.engine) as tx:
                    is_replayed = act(tx)
            except (InsufficientFunds, HoldNotFound):  # a hold that was acknowledged and is not there is told as lost
                self.acknowledged.refused += 1
                return False
            except (DBAPIError, psycopg.Error):
                self.acknowledged.unknown += 1
                if time.monotonic() - began > TRIES_S_MAX:
                    raise
                time.sleep(AGAIN_S)
                continue
            self.acknowledged.replayed += is_replayed
            return True

    def _legs(self) -> Legs:
        payer, *others = self.dice.sample(range(PEOPLE), self.dice.choice((2, 3)))
        parts = [(person(other), self.dice.randrange(1, 50)) for other in others]
        return ((person(payer), -sum(fen for _, fen in parts)), *parts)

    def _journal(self, key: str, legs: Legs) -> Journal:
        return Journal(key, JournalKind.PAYMENT, tuple(Leg(code, fen) for code, fen in legs))

    def _transfer(self, key: str) -> None:
        legs = self._legs()
        if self._until_known(lambda tx: ledger.post(tx, self._journal(key, legs)).replayed):
            self.acknowledged.journals[key] = legs

    def _several(self, key: str) -> None:
        several = {f"{key}:{place}": self._legs() for place in range(3)}
        journals = [self._journal(one, legs) for one, legs in several.items()]
        if self._until_known(lambda tx: ledger.post_many(tx, journals)[0].replayed):
            self.acknowledged.journals |= several

    def _hold(self, key: str) -> None:
        holder, amount_fen = person(self.dice.randrange(PEOPLE)), self.dice.randrange(2, 50)

        def place(tx: Transaction) -> bool:
            held = ledger.place_hold(tx, key=key, account=holder, amount_fen=amount_fen, ttl=HOLD_LASTS)
            return held.replayed

        if not self._until_known(place):
            return
        self.acknowledged.holds[key] = amount_fen
        taken = self.dice.randrange(1, amount_fen)
        legs = (Leg(codes.COMMISSION, taken),)

        def capture(tx: Transaction) -> bool:
            kind = JournalKind.PAYMENT
            return ledger.capture_hold(tx, key, key=f"capture:{key}", kind=kind, legs=legs).replayed

        if self._until_known(capture):
            self.acknowledged.journals[f"capture:{key}"] = ((holder, -taken), (codes.COMMISSION, taken))
