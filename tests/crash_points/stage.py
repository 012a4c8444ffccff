"""Where money flows are played, and what is looked at afterwards: everything that they moved, counted."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.core.payments.ports import GatewayUnknown, GatewayUnreachable
from app.kernel.transaction import Replayed
from app.wiring import gateway_of
from tests.chaos_money.patience import press
from tests.factories.rows import change, look, look_one
from tests.support.patience import until_quiet
from tests.support.sandbox_gateway import wait_until
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from uuid import UUID

    from flask import Flask
    from requests import Response

    from app.core.payments.ports import PaymentGateway
    from tests.conftest import Gateway
    from tests.support.business_clock import BusinessClock

_JOURNALS = """
    SELECT journal_id, kind, split_part(code, ':', 1) AS account, sum(amount_fen)::bigint AS fen FROM ledger.leg
    WHERE journal_id > :since GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
_COUNTED = (
    "refunds", "payments", "payment_attempts", "payouts", "payout_lines", "payout_batches", "settlement_items",
    "settlement_refunds", "statements", "tips", "late_compensations", "fund_orders", "fund_days", "term_subscriptions",
    "recon_items", "recon_files", "transfers", "bill_payments", "step_up_grants",
    "dispute_movements",
)  # fmt: skip
_STATES = "SELECT state, count(*) AS number FROM {} GROUP BY 1"
_WITH_STATES = ("orders", "refunds", "payouts", "payout_lines", "payments", "payment_attempts", "fund_orders",
                "term_subscriptions", "bank_files", "approvals", "recon_items", "holds",
                "disputes")  # fmt: skip
_HOLDS = "SELECT state, count(*) AS number FROM ledger.hold GROUP BY 1"


@dataclass
class Stage:
    """The application with its gateway, clock and the bank's folder."""

    app: Flask
    gateway: Gateway
    clock: BusinessClock
    folder: Path

    @property
    def stripe(self) -> PaymentGateway:
        """The application's client of the gateway."""
        return gateway_of(self.app)

    def quiet(self) -> None:
        """Let the worker and the gateway's notices take turns until nothing is left to do."""
        until_quiet(self.app, self.app.test_client(), self.gateway)

    def work(self) -> None:
        """Let the worker publish, react and run what is due."""
        run_worker(self.app)

    def once(self, act: Callable[..., Any], *args: Any, **given: Any) -> Any:
        """Make a request; one that was made before under its key is answered as then."""
        with suppress(Replayed):
            return act(*args, **given)

    def in_doubt(self, act: Callable[[], Any]) -> None:
        """Do what the gateway may leave without an answer."""
        with suppress(GatewayUnknown, GatewayUnreachable):
            act()

    def intents(self, attempt_id: UUID) -> list[dict[str, Any]]:
        """Return the gateway's intents of an attempt."""
        listed = self.gateway.sandbox.call("GET", "/v1/payment_intents?limit=100").json()["data"]
        return [one for one in listed if one["metadata"].get("attempt_id") == str(attempt_id)]

    def scan(self, attempt_id: UUID) -> None:
        """Let the payer of an attempt scan its code and pay, or give a card, if it was not paid."""
        for intent in self.intents(attempt_id):
            if intent["status"] == "requires_action":
                self.gateway.pay(intent["id"]).raise_for_status()
            elif intent["status"] == "requires_payment_method" and intent["payment_method_types"] == ["card"]:
                self.play(f"payment_intents/{intent['id']}/cards/visa").raise_for_status()

    def play(self, path: str) -> Response:
        """Play what the outside does on the gateway's pages; a machine that is busy may take long to answer."""
        answer = press(f"{self.gateway.sandbox.url}/sandbox/{path}")
        assert answer is not None, f"the gateway never answered {path}"
        return answer

    def told(self, kind: str, about: str) -> None:
        """Wait until the gateway has sent a notice of ``kind`` about an object."""
        wait_until(lambda: [one for one in self.gateway.listener.events(kind) if about in json.dumps(one)])

    def forget_notices(self) -> None:
        """Let the notices so far be lost."""
        self.gateway.listener.notices.clear()

    def overdue(self, attempt_id: UUID) -> None:
        """Let the time of an attempt's code be over."""
        change("UPDATE payment_attempts SET created_at = created_at - interval '1 hour' WHERE attempt_id = :id",
               id=attempt_id)  # fmt: skip


@dataclass(frozen=True)
class Mark:
    """How everything stood; :meth:`since` says what has come, gone and moved."""

    journal: int
    position: int
    counts: Counter[str]
    movement: str

    @classmethod
    def now(cls, stage: Stage) -> Mark:
        newest = stage.gateway.sandbox.call("GET", "/v1/balance_transactions?limit=1").json()["data"]
        return cls(
            look_one("SELECT coalesce(max(id), 0) FROM ledger.journal"),
            look_one("SELECT coalesce(max(position), 0) FROM live_events"),
            _counts(),
            newest[0]["id"] if newest else "",
        )

    def since(self, stage: Stage) -> dict[str, Any]:
        """Return what is different: journals, counts of rows by state, events, and what the gateway moved."""
        journals: dict[int, list[tuple[str, str, int]]] = {}
        for row in look(_JOURNALS, since=self.journal):
            journals.setdefault(row.journal_id, []).append((row.kind, row.account, row.fen))
        events = look(
            "SELECT kind, count(*) AS number FROM live_events WHERE position > :p GROUP BY 1", p=self.position
        )
        after = _counts()
        return {
            "journals": sorted(journals.values()),
            "rows": {name: after[name] - self.counts[name] for name in sorted(after | self.counts)
                     if after[name] != self.counts[name]},
            "events": {row.kind: row.number for row in events if row.kind != "GatewayEventReceived"},
            "gateway": sorted(self._movements(stage)),
        }  # fmt: skip

    def _movements(self, stage: Stage) -> list[tuple[str, int]]:
        moved: list[tuple[str, int]] = []
        listed = stage.gateway.sandbox.call("GET", "/v1/balance_transactions?limit=100").json()["data"]
        for line in listed:
            if line["id"] == self.movement:
                return moved
            moved.append((line["type"], line["amount"]))
        assert not self.movement, "a flow moves less than a page"
        return moved


def _counts() -> Counter[str]:
    counts: Counter[str] = Counter()
    for table in _COUNTED:
        counts[table] = look_one(f"SELECT count(*) FROM {table}")
    for table in _WITH_STATES:
        for row in look(_HOLDS if table == "holds" else _STATES.format(table)):
            counts[f"{table} {row.state}"] = row.number
    counts["grants used"] = look_one("SELECT count(*) FROM step_up_grants WHERE used_at IS NOT NULL")
    counts["held fen"] = look_one("SELECT coalesce(sum(held_fen), 0)::bigint FROM ledger.balance")
    return counts
