"""The sandbox billers as a process of its own, started by whoever asks it first."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import requests

from app.adapters.billers import HttpBillers
from tests.support.sandbox_gateway import ROOT, free_port, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from pathlib import Path

    from app.core.bills.ports import AccountAtBiller, Outcome

KEY = "key-of-the-sandbox-billers-of-the-tests"


@dataclass
class StartedBillers:
    """Fills the port; a process that was killed comes back with what it had."""

    data: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._port = HttpBillers(self.url, KEY, read_timeout_s=5.0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        with self._lock:
            if self.process is None:
                arguments = ["--port", str(self.port), "--data", str(self.data)]
                self.process = subprocess.Popen(
                    [sys.executable, "-m", "app.adapters.sandbox_biller", *arguments],
                    cwd=ROOT,
                    env={**os.environ, "LINLI_BILLER_KEY": KEY},
                )
            wait_until(self._answers)

    def kill(self) -> None:
        """``kill -9``."""
        with self._lock:
            if self.process is not None:
                self.process.kill()
                self.process.wait()
                self.process = None

    def _answers(self) -> bool:
        try:
            return requests.get(self.url + "/health", timeout=1).ok
        except (requests.ConnectionError, requests.Timeout):
            return False

    def faults(self, **plan: float) -> None:
        """Set the faults; what is not named is off."""
        self.start()
        requests.put(self.url + "/sandbox/faults", json=plan, timeout=30).raise_for_status()

    def put_bill(self, biller: str, number: str, bill_no: str, *, amount_fen: int, due_on: date) -> None:
        self.start()
        body = {"month": f"{due_on:%Y-%m}", "due_on": str(due_on), "amount_fen": amount_fen}
        path = f"/sandbox/billers/{biller}/accounts/{number}/bills/{bill_no}"
        requests.put(self.url + path, json=body, timeout=30).raise_for_status()

    def ask(self, biller: str, number: str) -> AccountAtBiller | None:
        self._ready()
        return self._port.ask(biller, number)

    def pay(
        self, *, key: str, biller: str, number: str, bill_no: str | None, lock: str | None, amount_fen: int
    ) -> Outcome:
        self._ready()
        return self._port.pay(key=key, biller=biller, number=number, bill_no=bill_no, lock=lock, amount_fen=amount_fen)

    def look(self, key: str) -> Outcome | None:
        self._ready()
        return self._port.look(key)

    def daily_file(self, biller: str, day: date) -> Iterator[str]:
        self._ready()
        return self._port.daily_file(biller, day)

    is_lazy: bool = True

    def _ready(self) -> None:
        """Start with the first question; with ``is_lazy`` off, who is dead stays dead."""
        if self.is_lazy and self.process is None:
            self.start()
