"""The proof after the day: nothing that was acknowledged is lost or doubled, and not a fen is missing."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app.cli.dev.simulate.http import Person
from app.cli.dev.simulate.pulse import ask
from app.cli.dev.simulate.world import OPENING_FEN
from app.core.orders.states import FINAL_ORDER_STATES
from app.core.payments.models import PaymentMethod

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.cli.dev.simulate.actors import City
    from app.cli.dev.simulate.report import Figures

SHOWN_MAX = 5
PAGE = 100

_ORDERS = text("SELECT order_id, state, total_fen FROM orders")
_CHECKOUTS = text("SELECT count(*) FROM checkouts WHERE state IN ('open', 'placed')")
_PAYMENTS = text("SELECT payment_id, method, amount_fen FROM payments WHERE state = 'paid'")
_DELIVERIES = text(
    """
    SELECT (SELECT count(*) FROM trips WHERE state IN ('open', 'assigned')) AS trips,
           (SELECT count(*) FROM deliveries
              WHERE state NOT IN ('delivered', 'returned', 'disposed', 'canceled')) AS deliveries,
           (SELECT count(*) FROM courier_shifts WHERE ended_at IS NULL OR active_trips <> 0) AS shifts
    """
)
_ESCROW = text(
    """
    SELECT count(*) AS orders, coalesce(sum(abs(posted_fen)), 0) AS fen FROM ledger.balance
    WHERE kind = 'escrow' AND posted_fen <> 0
    """
)
_BOOKS = text("SELECT * FROM ledger.books")
_WALLETS = text(
    """
    SELECT count(*) FROM (
        SELECT b.posted_fen - CAST(:opening_fen AS bigint)
            + coalesce((SELECT sum(p.amount_fen) FROM payments AS p
                WHERE p.account_id = b.owner AND p.state = 'paid' AND p.method = 'e_account'), 0)
            - coalesce((SELECT sum(l.amount_fen) FROM late_compensations AS l WHERE l.account_id = b.owner), 0)
            - coalesce((SELECT sum(r.amount_fen) FROM refunds AS r
                WHERE r.account_id = b.owner AND (r.method = 'e_account' OR r.state = 'failed')), 0) AS off_fen
        FROM ledger.balance AS b WHERE b.kind = 'e_account') AS wallets
    WHERE off_fen <> 0
    """
)
_STOCK = text(
    """
    SELECT (SELECT count(*) FROM stock WHERE received <> on_hand + reserved + sold OR reserved <> 0) AS bad_rows,
           (SELECT coalesce(sum(sold), 0) FROM stock) AS sold,
           (SELECT coalesce(sum(l.quantity), 0) FROM order_lines AS l JOIN orders AS o ON o.order_id = l.order_id
              WHERE l.is_counted AND l.shorted_at IS NULL
                AND (o.state = 'completed' OR o.cancel_reason = 'no_courier')) AS sold_by_orders
    """
)
_STUCK = text(
    """
    SELECT (SELECT count(*) FROM timers WHERE parked_at IS NOT NULL) AS "parked timers",
           (SELECT count(*) FROM receipts WHERE state = 'parked') AS "parked reactions",
           (SELECT count(*) FROM procrastinate_jobs WHERE status NOT IN ('succeeded', 'todo')) AS "failed jobs",
           (SELECT count(*) FROM refunds WHERE state <> 'succeeded') AS "refunds that did not succeed",
           (SELECT count(*) FROM settlement_items WHERE settled_on IS NULL) AS "unsettled earnings"
    """
)
_CLEARING = text("SELECT coalesce(sum(posted_fen), 0) FROM ledger.balance WHERE kind = 'gateway_clearing'")


def find_faults(city: City, figures: Figures, secret_key: str) -> list[str]:
    """Return what is wrong, one line each; nothing when all holds."""
    return [
        *_order_faults(city),
        *_payment_faults(city),
        *_delivery_faults(),
        *_money_faults(figures),
        *_book_faults(city),
        *_gateway_faults(city, secret_key),
        *_stock_faults(),
        *(f"{count} {what}" for what, count in _one_row(_STUCK).items() if count),
    ]


def _order_faults(city: City) -> Iterator[str]:
    rows = {row.order_id: row for row in ask(lambda tx: tx.execute(_ORDERS).fetchall())}
    told = city.record.orders
    wishes = len(city.instance.wishes)
    yield from _listed("acknowledged orders are not in the database", told.keys() - rows.keys())
    yield from _listed("orders in the database were never acknowledged", rows.keys() - told.keys())
    both = told.keys() & rows.keys()
    yield from _listed("orders have another total", {o for o in both if rows[o].total_fen != told[o]})
    yield from _listed("orders have not ended", {o for o, row in rows.items() if row.state not in FINAL_ORDER_STATES})
    if len(told) != wishes:
        yield f"{wishes} orders were wanted, {len(told)} were acknowledged"
    if pending := ask(lambda tx: tx.execute(_CHECKOUTS).scalar_one()):
        yield f"{pending} checkouts have not ended"


def _payment_faults(city: City) -> Iterator[str]:
    rows = {row.payment_id: row for row in ask(lambda tx: tx.execute(_PAYMENTS).fetchall())}
    told = city.record.payments
    yield from _listed("acknowledged payments are not in the database", told.keys() - rows.keys())
    yield from _listed("payments in the database were never acknowledged", rows.keys() - told.keys())
    both = told.keys() & rows.keys()
    wrong = {p for p in both if (rows[p].amount_fen, rows[p].method) != (told[p].amount_fen, told[p].method)}
    yield from _listed("payments have another amount or method", wrong)


def _delivery_faults() -> Iterator[str]:
    for what, count in _one_row(_DELIVERIES).items():
        if count:
            yield f"{count} {what} are still under way"


def _money_faults(figures: Figures) -> Iterator[str]:
    out_fen = (
        figures.merchants_fen
        + figures.couriers_fen
        + figures.commission_fen
        + figures.delivery_income_fen
        + figures.refunds_fen
        + figures.made_good_fen
        - figures.platform_loss_fen
    )
    if figures.paid_fen != out_fen:
        yield f"{figures.paid_fen} fen were paid, {out_fen} fen went to somebody"
    escrow = _one_row(_ESCROW)
    if escrow["orders"]:
        yield f"{escrow['orders']} orders still hold {escrow['fen']} fen in escrow"
    if wrong := ask(lambda tx: tx.execute(_WALLETS, {"opening_fen": OPENING_FEN}).scalar_one()):
        yield f"{wrong} residents' balances are not what they paid and got back"


def _book_faults(city: City) -> Iterator[str]:
    for what, count in _one_row(_BOOKS).items():
        if count:
            yield f"the books: {what} is {count}"
    proof = Person(city.wire, city.web, "platform", city.world.platform_phone).post("/books/proof")
    if not proof["is_sound"]:
        yield f"the operator's proof found {proof['findings']}"


def _gateway_faults(city: City, secret_key: str) -> Iterator[str]:
    """Hold the gateway's own account of what it took and gave back against ours."""
    intents = [intent for intent in _all(city, "payment_intents", secret_key) if intent["status"] == "succeeded"]
    refunds = [refund for refund in _all(city, "refunds", secret_key) if refund["status"] == "succeeded"]
    kept_fen = sum(intent["amount"] for intent in intents) - sum(refund["amount"] for refund in refunds)
    clearing_fen = ask(lambda tx: tx.execute(_CLEARING).scalar_one())
    if kept_fen != -clearing_fen:
        yield f"the gateway holds {kept_fen} fen, our books say {-clearing_fen}"
    by_wechat = [payment for payment in city.record.payments.values() if payment.method is PaymentMethod.WECHAT_PAY]
    if len(intents) != len(by_wechat):
        yield f"{len(by_wechat)} payments were made by WeChat Pay, the gateway took {len(intents)}"
    doubled = [
        key for key, count in Counter(refund["metadata"].get("refund_id") for refund in refunds).items() if count > 1
    ]
    yield from _listed("refunds were made twice", set(doubled))


def _all(city: City, kind: str, secret_key: str) -> Iterator[dict[str, Any]]:
    query: dict[str, Any] = {"limit": PAGE}
    while True:
        url = f"{city.gateway}/v1/{kind}"
        answer = city.wire.send("GET", url, params=query, headers={"Authorization": f"Bearer {secret_key}"})
        page = answer.raise_for_status().json()
        yield from page["data"]
        if not page["has_more"]:
            return
        query["starting_after"] = page["data"][-1]["id"]


def _stock_faults() -> Iterator[str]:
    stock = _one_row(_STOCK)
    if stock["bad_rows"]:
        yield f"{stock['bad_rows']} SKUs do not add up, or are still reserved"
    if stock["sold"] != stock["sold_by_orders"]:
        yield f"{stock['sold']} pieces left the stock, orders took {stock['sold_by_orders']}"


def _one_row(statement: Any) -> dict[str, Any]:
    return ask(lambda tx: dict(tx.execute(statement).mappings().one()))


def _listed(what: str, things: set[Any]) -> Iterator[str]:
    if things:
        some = ", ".join(sorted(map(str, things))[:SHOWN_MAX])
        yield f"{len(things)} {what}: {some}{' …' if len(things) > SHOWN_MAX else ''}"
