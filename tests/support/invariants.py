"""What must be true of money, stock and trips at any moment. Looks only at what was born since it was made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from app.core import ledger
from app.core.ledger import codes
from app.kernel.ids import new_id
from app.kernel.transaction import transaction
from app.usecases.paying.attempts import GATEWAY
from tests.factories.rows import look, look_one

if TYPE_CHECKING:
    from tests.support.sandbox_gateway import Sandbox

_FINAL = "('returned', 'completed', 'canceled')"
_VIOLATIONS = {
    "an order names a shop, merchant, community, store or SKU that is not there": """
        SELECT o.order_id FROM orders AS o JOIN order_lines AS l USING (order_id)
        LEFT JOIN shops AS s ON s.shop_id = o.shop_id AND s.merchant_id = o.merchant_id
        LEFT JOIN communities AS c ON c.community_id = o.community_id
        LEFT JOIN stores AS e ON e.store_id = o.store_id
        LEFT JOIN skus AS k ON k.sku_id = l.sku_id AND k.shop_id = o.shop_id
        WHERE o.order_id >= :since AND (s.shop_id IS NULL OR c.community_id IS NULL OR e.store_id IS NULL
            OR k.sku_id IS NULL)""",
    "an order's total is not the sum of its parts": """
        SELECT order_id FROM orders
        WHERE order_id >= :since AND total_fen <> goods_fen + packing_fen + delivery_fen - discount_fen""",
    "a checkout's total is not the sum of its orders": """
        SELECT c.checkout_id FROM checkouts AS c JOIN orders AS o USING (checkout_id)
        WHERE c.checkout_id >= :since GROUP BY c.checkout_id HAVING c.total_fen <> sum(o.total_fen)""",
    "a closed or unpaid order has money in escrow": """
        SELECT o.order_id FROM orders AS o JOIN ledger.balance AS b ON b.code = 'escrow:' || o.order_id
        WHERE o.order_id >= :since AND o.state IN ('awaiting_payment', 'returned', 'completed', 'canceled')
          AND b.posted_fen <> 0""",
    "a paid order's escrow is not what its lines and its delivery hold": f"""
        SELECT o.order_id FROM orders AS o LEFT JOIN ledger.balance AS b ON b.code = 'escrow:' || o.order_id
        WHERE o.order_id >= :since AND o.state <> 'awaiting_payment' AND o.state NOT IN {_FINAL}
          AND coalesce(b.posted_fen, 0) <> o.left_fen + o.delivery_fen""",
    "an open order's lines do not hold what it says": f"""
        SELECT o.order_id FROM orders AS o JOIN order_lines AS l USING (order_id)
        WHERE o.order_id >= :since AND o.state NOT IN {_FINAL}
        GROUP BY o.order_id HAVING sum(l.refundable_fen) <> o.left_fen + coalesce((
            SELECT sum(u.amount_fen) FROM voucher_uses AS u JOIN vouchers AS v USING (voucher_id)
            WHERE v.order_id = o.order_id), 0)""",
    "an order's refunds are not what it says": """
        SELECT o.order_id FROM orders AS o LEFT JOIN refunds AS r USING (order_id)
        WHERE o.order_id >= :since GROUP BY o.order_id HAVING o.refunded_fen <> coalesce(sum(r.amount_fen), 0)""",
    "a payment's refunds are not what it says, or more than was paid": """
        SELECT p.payment_id FROM payments AS p
        LEFT JOIN refunds AS r ON r.payment_id = p.payment_id AND r.attempt_id IS NULL
        WHERE p.payment_id >= :since GROUP BY p.payment_id
        HAVING p.refunded_fen <> coalesce(sum(r.amount_fen), 0) OR p.refunded_fen > p.amount_fen""",
    "an order is paid and its checkout is not, or the other way round": """
        SELECT c.checkout_id FROM checkouts AS c
        JOIN orders AS o USING (checkout_id) JOIN payments AS p USING (checkout_id)
        WHERE c.checkout_id >= :since
          AND ((c.state = 'paid') <> (o.paid_at IS NOT NULL) OR (c.state = 'paid') <> (p.state = 'paid'))""",
    "a part is held or was paid by an attempt that does not stand so": """
        SELECT a.attempt_id FROM payment_attempts AS a
        JOIN payments AS p USING (payment_id) JOIN checkouts AS c USING (checkout_id)
        LEFT JOIN ledger.leg AS l ON l.key = 'pay:' || a.attempt_id AND l.code = 'e_account:' || p.account_id
        WHERE a.attempt_id >= :since AND a.account_part_fen > 0 AND (
            a.part_ended_at IS NULL AND a.state NOT IN ('requested', 'unknown')
            OR a.part_ended_at IS NOT NULL AND a.state IN ('requested', 'unknown') AND c.state = 'placed'
            OR l.amount_fen IS NOT NULL AND (l.amount_fen <> -a.account_part_fen OR a.part_ended_at IS NULL
                OR a.state <> 'succeeded' OR p.state <> 'paid' OR p.method <> 'mixed'))""",
    "what is on hold on an account is not the parts of codes that may still be paid": """
        SELECT p.account_id FROM payment_attempts AS a
        JOIN payments AS p USING (payment_id) JOIN ledger.balance AS b ON b.code = 'e_account:' || p.account_id
        WHERE a.attempt_id >= :since AND a.account_part_fen > 0
          AND NOT EXISTS (SELECT 1 FROM term_subscriptions AS t WHERE t.account_id = p.account_id)
        GROUP BY p.account_id, b.held_fen
        HAVING b.held_fen <> coalesce(sum(a.account_part_fen) FILTER (WHERE a.part_ended_at IS NULL), 0)""",
    "a mixed payment was not paid by exactly one attempt, or its orders' shares are not its parts": """
        SELECT p.payment_id FROM payments AS p
        WHERE p.payment_id >= :since AND p.method = 'mixed' AND p.state = 'paid' AND (
            SELECT sum(o.outside_fen) FROM orders AS o WHERE o.payment_id = p.payment_id) IS DISTINCT FROM (
            SELECT sum(a.amount_fen) FROM payment_attempts AS a
            JOIN ledger.leg AS l ON l.key = 'pay:' || a.attempt_id AND l.code = 'e_account:' || p.account_id
            WHERE a.payment_id = p.payment_id)""",
    "what is disputed of a payment is not what is open of its disputes": """
        SELECT d.payment_id FROM disputes AS d LEFT JOIN ledger.balance AS b ON b.code = 'disputed:' || d.payment_id
        WHERE d.dispute_id >= :since GROUP BY d.payment_id, b.posted_fen
        HAVING coalesce(b.posted_fen, 0) <> -sum(d.open_fen)""",
    "a dispute has taken something else than its lines, or is over and won and holds some": """
        SELECT d.dispute_id FROM disputes AS d LEFT JOIN dispute_movements AS m USING (dispute_id)
        WHERE d.dispute_id >= :since GROUP BY d.dispute_id
        HAVING d.taken_fen <> -coalesce(sum(m.amount_fen), 0) OR d.state = 'won' AND d.open_fen <> 0""",
    "reserved pieces are not those of open orders": f"""
        SELECT s.sku_id FROM stock AS s
        LEFT JOIN (
            SELECT l.sku_id, sum(l.quantity) AS quantity FROM order_lines AS l JOIN orders AS o USING (order_id)
            WHERE l.is_counted AND l.shorted_at IS NULL AND o.state NOT IN {_FINAL} GROUP BY l.sku_id
        ) AS w USING (sku_id)
        LEFT JOIN (
            SELECT x.exchange_sku_id AS sku_id, sum(x.quantity) AS quantity
            FROM after_sale_case_lines AS x JOIN after_sale_cases AS c USING (case_id)
            WHERE x.is_exchange_counted AND c.state = 'exchanging' GROUP BY x.exchange_sku_id
        ) AS e USING (sku_id)
        WHERE s.sku_id >= :since
          AND (s.reserved <> coalesce(w.quantity, 0) + coalesce(e.quantity, 0)
            OR s.received <> s.on_hand + s.reserved + s.sold)""",
    "a shift does not count its trips": """
        SELECT h.shift_id FROM courier_shifts AS h
        LEFT JOIN trips AS t ON t.courier_id = h.courier_id AND t.state = 'assigned'
        WHERE h.shift_id >= :since AND h.ended_at IS NULL
        GROUP BY h.shift_id HAVING h.active_trips <> count(t.trip_id)""",
    "a trip and its deliveries disagree": """
        SELECT t.trip_id FROM trips AS t JOIN deliveries AS d USING (trip_id)
        WHERE t.trip_id >= :since
          AND (t.state IN ('open', 'assigned'))
            <> (d.state NOT IN ('delivered', 'returned', 'disposed', 'canceled'))""",
    "a voucher order holds another value than its vouchers": """
        SELECT o.order_id FROM orders AS o JOIN vouchers AS v USING (order_id)
        WHERE o.order_id >= :since AND o.fulfillment = 'voucher' AND o.state = 'ready'
        GROUP BY o.order_id HAVING o.left_fen <> sum(v.value_left_fen)""",
    "a voucher's uses are not those that it had": """
        SELECT v.voucher_id FROM vouchers AS v LEFT JOIN voucher_uses AS u USING (voucher_id)
        WHERE v.voucher_id >= :since GROUP BY v.voucher_id
        HAVING v.uses - v.uses_left <> count(u.use_number) OR v.uses_left < 0
            OR v.value_fen - CASE WHEN v.state IN ('issued', 'used') THEN v.value_left_fen ELSE v.value_fen END
                <> CASE WHEN v.state IN ('issued', 'used') THEN coalesce(sum(u.amount_fen), 0) ELSE 0 END""",
    "an appointment and its order disagree": """
        SELECT o.order_id FROM orders AS o JOIN appointments AS a USING (order_id)
        WHERE o.order_id >= :since AND NOT (
            a.state = 'held' AND o.state IN ('awaiting_payment', 'awaiting_accept')
            OR a.state IN ('confirmed', 'en_route', 'in_service') AND o.state = 'preparing'
            OR a.state = 'awaiting_confirm' AND o.state = 'delivered'
            OR a.state = 'completed' AND o.state = 'completed'
            OR a.state IN ('canceled', 'no_show') AND o.state = 'canceled')""",
    "an appointment's time is not booked as it stands": """
        SELECT a.order_id FROM appointments AS a LEFT JOIN provider_bookings AS b USING (order_id)
        WHERE a.order_id >= :since
          AND (b.order_id IS NOT NULL) <> (a.state IN ('held', 'confirmed', 'en_route', 'in_service'))""",
    "an order and its delivery disagree": f"""
        SELECT o.order_id FROM orders AS o JOIN deliveries AS d USING (order_id)
        WHERE o.order_id >= :since AND d.case_id IS NULL AND (
            o.state IN {_FINAL} AND d.state NOT IN ('delivered', 'returned', 'disposed', 'canceled')
            OR o.state = 'delivered' AND d.state <> 'delivered'
            OR o.state = 'in_delivery' AND d.state NOT IN ('picked_up', 'at_drop')
            OR o.state = 'delivery_failed' AND d.state <> 'failed')""",
    "an exchange and its trip disagree": """
        SELECT c.case_id FROM after_sale_cases AS c LEFT JOIN deliveries AS d USING (case_id)
        WHERE c.case_id >= :since AND (
            c.exchange_way = 'courier' AND c.state IN ('exchanging', 'carried', 'swapped') AND d.case_id IS NULL
            OR (c.exchange_way = 'courier' AND c.state = 'exchanging')
                <> coalesce(d.state IN ('open', 'offered', 'assigned', 'at_pickup'), false)
            OR (c.exchange_way = 'courier' AND c.state = 'carried')
                <> coalesce(d.state IN ('picked_up', 'at_drop', 'failed'), false)
            OR d.state = 'delivered' AND c.carriage_fen <> d.pay_fen)""",
    "somebody's earnings are not what was earned": """
        SELECT i.party_id FROM settlement_items AS i WHERE i.order_id >= :since GROUP BY i.party_kind, i.party_id
        HAVING sum(i.amount_fen - i.refunded_fen + i.fee_back_fen) + (
            SELECT coalesce(sum(p.amount_fen - p.fee_fen - p.refunded_fen + p.fee_back_fen), 0)
            FROM counter_payments AS p WHERE i.party_kind = 'merchant' AND p.merchant_id = i.party_id) - (
            SELECT coalesce(sum(c.carriage_fen), 0) FROM after_sale_cases AS c
            WHERE i.party_kind = 'merchant' AND c.merchant_id = i.party_id AND c.carriage_payer = 'merchant') <> (
            SELECT coalesce(sum(b.posted_fen), 0) FROM ledger.balance AS b
            WHERE b.code IN (
                i.party_kind || '_pending:' || i.party_id, i.party_kind || '_available:' || i.party_id,
                i.party_kind || '_deposit:' || i.party_id, i.party_kind || '_debt:' || i.party_id))""",
    "a case's refund is not its lines' or not what was refunded": """
        SELECT c.case_id FROM after_sale_cases AS c LEFT JOIN refunds AS r USING (refund_id)
        WHERE c.case_id >= :since AND (c.refund_fen <> coalesce(r.amount_fen, 0) OR c.refund_fen <> (
            SELECT coalesce(sum(x.refund_fen), 0) FROM after_sale_case_lines AS x WHERE x.case_id = c.case_id))""",
    "a line holds less than what cases still ask of it": """
        SELECT l.order_id FROM order_lines AS l
        JOIN after_sale_case_lines AS x ON x.order_id = l.order_id AND x.line = l.line
        JOIN after_sale_cases AS c USING (case_id)
        WHERE l.order_id >= :since AND c.state NOT IN ('refunded', 'exchanged', 'withdrawn', 'refused')
        GROUP BY l.order_id, l.line HAVING sum(x.asked_fen) > min(l.refundable_fen)""",
}
_OPEN_REFUNDS = """
    SELECT coalesce(sum(amount_fen - account_part_fen), 0) FROM refunds
    WHERE method <> 'e_account' AND state IN ('requested', 'submitting', 'unknown')
"""


class Invariants:
    """The state of the house when this was made; :meth:`check` holds what came since to the rules."""

    def __init__(self, sandbox: Sandbox | None = None) -> None:
        self.since = new_id()
        self.sandbox = sandbox
        self.unbooked_fen = 0
        self._payable_fen = _payable_off_by()
        self._gateway_fen = self._gateway_off_by()

    def violations(self, *, with_gateway: bool = True) -> list[str]:
        """Return what is wrong, cheaply: all but the ledger's own proof.

        :param with_gateway: False while the gateway is failing, or knows more than we have asked it.
        """
        found = [
            f"{rule}: {row[0]}" for rule, statement in _VIOLATIONS.items() for row in look(statement, since=self.since)
        ]
        if _payable_off_by() != self._payable_fen:
            found.append("what is owed to payers is not the sum of open refunds")
        if with_gateway and self._gateway_off_by() - self._gateway_fen != self.unbooked_fen:
            found.append("the gateway's balance is not what the books say of it")
        return found

    def check(self) -> None:
        """Fail unless everything adds up, the books' own proof included."""
        with transaction() as tx:
            proof = ledger.prove(tx)
        assert proof.is_sound, str(proof)
        assert not (found := self.violations()), "\n".join(found)

    def _gateway_off_by(self) -> int:
        """Return what the gateway holds for us beyond what the books say it does."""
        if self.sandbox is None:
            return 0
        clearing = (
            f"SELECT coalesce(sum(posted_fen), 0) FROM ledger.balance WHERE code = '{codes.gateway_clearing(GATEWAY)}'"
        )
        return balance_at(self.sandbox) + int(look_one(clearing))


def balance_at(sandbox: Sandbox) -> int:
    """Return what was paid at the gateway less what it sent back, over its whole life."""
    total, after = 0, ""
    while True:
        page = sandbox.call("GET", f"/v1/balance_transactions?limit=100{after}").json()
        total += sum(int(line["amount"]) for line in page["data"])
        if not page["has_more"]:
            return total
        after = f"&starting_after={page['data'][-1]['id']}"


def _payable_off_by() -> int:
    with transaction() as tx:
        payable = ledger.balance(tx, codes.REFUND_PAYABLE).posted_fen
        open_fen: int = tx.execute(text(_OPEN_REFUNDS)).scalar_one()
    return payable - int(open_fen)
