"""Every figure of a store's day counted from the facts, one fact after another: what prepared figures have to equal."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from app.core.figures.catalog import NAMES
from app.core.visiting.rules import ATTRIBUTED_DAYS
from app.kernel.clock import SHANGHAI
from tests.factories.rows import look

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime
    from uuid import UUID

    from app.kernel.wire import Row

KEPT = {"e_account": "deposits_fen", "fund_holding": "fund_fen"}


class PlainFigures:
    """The figures of some stores, by store and day; a day without any is zeros."""

    def __init__(self, stores: Sequence[UUID]) -> None:
        self._stores = list(stores)
        self.found: dict[tuple[UUID, date], dict[str, Any]] = defaultdict(lambda: dict.fromkeys(NAMES, 0))
        self._seen: dict[tuple[UUID, date, str], set[UUID]] = defaultdict(set)
        for count in (self._orders, self._belonging, self._desk, self._counter, self._events, self._visits):
            count()
        for (store_id, day, name), ids in self._seen.items():
            self.found[store_id, day][name] = len(ids)

    def of(self, store_id: UUID, day: date) -> dict[str, int]:
        """Return the figures of a day."""
        return self.found.get((store_id, day), dict.fromkeys(NAMES, 0))

    def _add(self, store_id: UUID, at: datetime | None, name: str, value: int = 1) -> None:
        if at is not None:
            self.found[store_id, at.astimezone(SHANGHAI).date()][name] += value

    def _look(self, statement: str) -> Sequence[Row]:
        return look(f"{statement} = ANY (CAST(:stores AS uuid[]))", stores=self._stores)

    def _orders(self) -> None:
        rows = self._look(
            """
            SELECT o.*, t.courier_id FROM orders AS o
            LEFT JOIN deliveries AS d ON d.order_id = o.order_id AND d.case_id IS NULL
            LEFT JOIN trips AS t ON t.trip_id = d.trip_id WHERE o.paid_at IS NOT NULL AND o.store_id
            """
        )
        for order in rows:
            add = partial(self._add, order.store_id, order.placed_at)
            add("orders_paid")
            add("orders_paid_fen", order.total_fen)
            add("orders_refunded_fen", order.refunded_fen)
            add("orders_completed", order.state == "completed")
            if order.delivered_at and order.promised_at:
                add("orders_delivered")
                add("orders_on_time", order.delivered_at <= order.promised_at)
            day = order.placed_at.astimezone(SHANGHAI).date()
            active = {"shops": order.shop_id, "couriers": order.courier_id, "residents": order.account_id}
            for name, who in active.items():
                if who is not None:
                    self._seen[order.store_id, day, f"{name}_active"].add(who)

    def _belonging(self) -> None:
        for one in self._look("SELECT * FROM attributions WHERE store_id"):
            row = self.found[one.store_id, one.began_on]
            row[f"{one.party_kind}s_new"] += 1
            row["helped_new"] += one.rule == "help"
            if one.party_kind == "resident":
                for leg in look("SELECT * FROM ledger.leg WHERE code LIKE '%:' || :id", id=str(one.party_id)):
                    kept = KEPT.get(leg.code.partition(":")[0])
                    if kept:
                        self.found[one.store_id, leg.effective_on][kept] += leg.amount_fen

    def _desk(self) -> None:
        acts = self._look(
            "SELECT t.store_id, a.* FROM till_acts AS a JOIN tills AS t ON t.till_id = a.till_id WHERE t.store_id"
        )
        for act in acts:
            if act.kind in {"cash_in", "cash_out"}:
                self._add(act.store_id, act.done_at, f"{act.kind}_fen", abs(act.amount_fen))
                self._add(act.store_id, act.done_at, "cash_acts")
                self._add(act.store_id, act.done_at, "desk_acts")
            elif act.kind.startswith(("bill", "transfer")):
                self._add(act.store_id, act.done_at, "desk_acts")
                fen = act.account_fen if act.kind.endswith("account") else act.amount_fen
                self._add(act.store_id, act.done_at, "errands_fen", fen)

    def _counter(self) -> None:
        for check in self._look("SELECT * FROM face_checks WHERE state = 'confirmed' AND store_id"):
            self._add(check.store_id, check.ended_at, "verifications")
        for parcel in self._look("SELECT * FROM parcels WHERE store_id"):
            self._add(parcel.store_id, parcel.shelved_at, "parcels_shelved")

    def _events(self) -> None:
        for event in self._look("SELECT * FROM activities WHERE state <> 'canceled' AND store_id"):
            self._add(event.store_id, event.from_at, "activities_held")
        guests = self._look(
            """
            SELECT a.store_id, g.checked_in_at FROM activity_signups AS g
            JOIN activities AS a ON a.activity_id = g.activity_id WHERE a.store_id
            """
        )
        for guest in guests:
            self._add(guest.store_id, guest.checked_in_at, "activity_guests")

    def _visits(self) -> None:
        for visit in self._look("SELECT * FROM shop_visits WHERE store_id"):
            self._add(visit.store_id, visit.visited_at, "shop_visits")
            self._add(visit.store_id, visit.visited_at, "shop_visits_failed", visit.failed_count > 0)
        for scan in self._look(
            "SELECT p.store_id, n.day FROM sample_scans AS n JOIN samples AS p USING (sample_id) WHERE p.store_id"
        ):
            self.found[scan.store_id, scan.day]["sample_scans"] += 1
        lines = look(
            """
            SELECT l.order_id, l.goods_fen, k.offer_id, o.account_id, o.placed_at FROM order_lines AS l
            JOIN skus AS k ON k.sku_id = l.sku_id JOIN orders AS o ON o.order_id = l.order_id
            WHERE o.paid_at IS NOT NULL
            """
        )
        scans = look(
            "SELECT n.*, p.store_id, p.offer_id FROM sample_scans AS n JOIN samples AS p ON p.sample_id = n.sample_id"
        )
        for line in lines:
            led = [
                scan
                for scan in scans
                if (scan.account_id, scan.offer_id) == (line.account_id, line.offer_id)
                and timedelta(0) <= line.placed_at - scan.scanned_at < timedelta(days=ATTRIBUTED_DAYS)
            ]
            if led:
                store_id = max(led, key=lambda scan: scan.scanned_at).store_id
                self._add(store_id, line.placed_at, "sample_orders_fen", line.goods_fen)
                day = line.placed_at.astimezone(SHANGHAI).date()
                self._seen[store_id, day, "sample_orders"].add(line.order_id)
