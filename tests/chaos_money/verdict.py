"""What must be true when the noise is over: of every intent, refund, payout and order, and of the sums."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import requests

from app.core import ledger
from app.core.ledger import codes
from app.core.payments.reconciliation import Source
from app.kernel.clock import SHANGHAI, wall_now
from app.kernel.transaction import transaction
from app.usecases.reconciling.clearing import clearing_proof
from app.usecases.reconciling.reconcile import reconcile
from app.usecases.reconciling.watch import alarms, watch_money
from tests.factories.rows import look, look_one
from tests.support.invariants import Invariants, balance_at

if TYPE_CHECKING:
    from app.adapters.stripe.client import StripeClient

_ENDED = {
    "an attempt is open": "SELECT attempt_id FROM payment_attempts WHERE state IN ('requested', 'unknown')",
    "a refund is open": "SELECT refund_id FROM refunds WHERE state IN ('requested', 'submitting', 'unknown')",
    "a payout is under way": "SELECT payout_id FROM payouts WHERE state IN ('ready', 'sent')",
    "an order is paid and goes nowhere": "SELECT order_id FROM orders WHERE state NOT IN ('canceled')",
    "a reaction or timer was given up": """
        SELECT reaction FROM receipts WHERE state = 'parked' UNION ALL SELECT kind FROM timers
        WHERE parked_at IS NOT NULL""",
    "a payout did not end as the bank says": """
        SELECT payout_id FROM payouts WHERE (state, right(tail, 4)) NOT IN (('paid', '1234'), ('failed', '0001'),
            ('paid', '0002'), ('returned', '0003'))""",
    "a dispute is open": """
        SELECT dispute_id FROM disputes WHERE state IN ('needs_response', 'under_review')
            OR answer IS NOT NULL AND sent_at IS NULL""",
    "a payer has the same money from us and from the bank": """
        SELECT p.payment_id FROM payments AS p JOIN (
            SELECT payment_id, sum(taken_fen - met_fen) AS taken_fen FROM disputes GROUP BY payment_id
        ) AS d USING (payment_id)
        WHERE p.refunded_fen + d.taken_fen > p.amount_fen""",
    "a refund's money is not where its state says": """
        SELECT r.refund_id FROM refunds AS r LEFT JOIN ledger.leg AS l ON l.key IN (
            'refund_end:' || r.refund_id, 'refund_back:' || r.refund_id, 'refund_end:' || r.refund_id || ':' || 'again')
        WHERE r.method <> 'e_account' GROUP BY r.refund_id
        HAVING coalesce(sum(l.amount_fen) FILTER (WHERE l.code = 'gateway_clearing:stripe'), 0)
                <> CASE WHEN r.state = 'succeeded' AND r.dispute_id IS NULL
                    THEN r.amount_fen - r.account_part_fen ELSE 0 END
            OR r.dispute_id IS NULL AND coalesce(sum(l.amount_fen) FILTER (
                WHERE l.code = 'e_account:' || r.account_id), 0)
                <> CASE WHEN r.state = 'failed' THEN r.amount_fen - r.account_part_fen ELSE 0 END""",
    "money is on hold for nobody": "SELECT code FROM ledger.balance WHERE held_fen <> 0",
    "an order that is over has money": """
        SELECT code FROM ledger.balance WHERE code LIKE 'escrow:%' AND posted_fen <> 0""",
    "a top-up was credited twice, or not": """
        SELECT p.payment_id FROM payments AS p
        LEFT JOIN ledger.leg AS l ON l.ref = p.payment_id::text AND l.code = 'e_account:' || p.account_id
        WHERE p.purpose = 'top_up' GROUP BY p.payment_id
        HAVING coalesce(sum(l.amount_fen), 0) <> CASE WHEN p.state = 'paid' THEN p.amount_fen ELSE 0 END""",
    "what a merchant has left is not what its payout left": """
        SELECT p.payout_id FROM payouts AS p JOIN ledger.balance AS b ON b.code = 'merchant_available:' || p.party_id
        WHERE b.posted_fen <> CASE WHEN p.state = 'paid' THEN 0 ELSE p.amount_fen END""",
}


@dataclass
class Provider:
    """The sandbox gateway as an outsider with the key sees it: enough for :func:`balance_at`."""

    url: str
    secret_key: str

    def call(self, method: str, path: str, **how: Any) -> requests.Response:
        """Send one request, whose answer is a good one."""
        headers = {"Authorization": f"Bearer {self.secret_key}"}
        answer = requests.request(method, self.url + path, headers=headers, timeout=20, **how)
        answer.raise_for_status()
        return answer

    def every(self, what: str) -> list[dict[str, Any]]:
        """Return all objects of a kind."""
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            page = self.call("GET", f"/v1/{what}?limit=100{after}").json()
            found += page["data"]
            if not page["has_more"]:
                return found
            after = f"&starting_after={page['data'][-1]['id']}"


def faults_of(provider: Provider, invariants: Invariants) -> list[str]:
    """Return what is not as it must be, before any daily file was taken."""
    found = [f"{rule}: {row[0]}" for rule, query in _ENDED.items() for row in look(query)]
    found += invariants.violations(with_gateway=False)
    found += _each_intent(provider)
    found += _each_dispute(provider)
    with transaction() as tx:
        clearing = ledger.balance(tx, codes.gateway_clearing("stripe")).posted_fen
        proof = ledger.prove(tx)
    if balance_at(provider) != -clearing:  # type: ignore[arg-type] # it calls, which is all that is asked of it
        found.append(f"the gateway holds {balance_at(provider)} fen, the books say {-clearing}")  # type: ignore[arg-type]
    return found if proof.is_sound else [*found, str(proof)]


def _each_intent(provider: Provider) -> list[str]:
    """Hold each intent and each refund of the gateway to ours: paid on one side is paid on both."""
    attempts = {str(row.attempt_id): row for row in look("SELECT attempt_id, state, intent_id FROM payment_attempts")}
    found = []
    for intent in provider.every("payment_intents"):
        attempt = attempts[intent["metadata"]["attempt_id"]]
        if (intent["status"] == "succeeded") != (attempt.state == "succeeded"):
            found.append(f"{intent['id']} is {intent['status']} there and {attempt.state} here")
        if attempt.intent_id not in {None, intent["id"]}:
            found.append(f"{intent['id']} is a second intent of its attempt")
    refunds = look("SELECT refund_id, CASE WHEN dispute_id IS NULL THEN state ELSE 'met' END AS state FROM refunds")
    states = {str(row.refund_id): row.state for row in refunds}
    seen: set[str] = set()
    for refund in provider.every("refunds"):
        ours = refund["metadata"]["refund_id"]
        if ours in seen:
            found.append(f"{ours} was refunded twice")
        seen.add(ours)
        if (refund["status"] == "succeeded") != (states.get(ours) == "succeeded"):
            found.append(f"{refund['id']} is {refund['status']} there and {states.get(ours)} here")
    return found


def _each_dispute(provider: Provider) -> list[str]:
    """Hold each dispute of the gateway to ours: known, decided alike, and every line of it booked."""
    states = {row.id: row.state for row in look("SELECT gateway_dispute_id AS id, state FROM disputes")}
    booked = {row.id: row.fen for row in look("SELECT movement_id AS id, amount_fen AS fen FROM dispute_movements")}
    found = []
    for dispute in provider.every("disputes"):
        said, ours = dispute["status"].replace("warning_", ""), states.get(dispute["id"])
        if said != ours:
            found.append(f"{dispute['id']} is {said} there and {ours} here")
        lines = {line["id"]: line["amount"] for line in dispute["balance_transactions"]}
        found += [f"{line} of {dispute['id']} is not booked" for line in lines if booked.get(line) != lines[line]]
    return found


def faults_of_files(gateway: StripeClient, first: date) -> list[str]:
    """Take the gateway's daily files, with lines missing and too many; what is in suspense has raised an alarm."""
    today = wall_now().astimezone(SHANGHAI).date()
    for back in range((today - first).days, -1, -1):
        day = today - timedelta(days=back)
        reconcile(Source.STRIPE, day, gateway.balance_file(day))
    watch_money(None)
    raised = {alarm["code"] for alarm in alarms()}
    found = []
    difference = clearing_proof().difference_fen
    if clearing_proof(is_whole=True) != clearing_proof():
        found.append("what is carried of clearing is not what all of it says")
    if difference:
        found.append(f"clearing is off by {difference} fen")
    suspense = look_one("SELECT coalesce(sum(posted_fen), 0)::bigint FROM ledger.balance WHERE code = 'suspense'")
    if suspense and "suspense_fen" not in raised:
        found.append(f"{suspense} fen are in suspense, and nobody was told")
    left = look_one("SELECT count(*) FROM disputes WHERE open_fen > 0")
    if left and "disputes_left" not in raised:
        found.append(f"{left} disputes are borne by nobody, and nobody was told")
    for mismatch in ("missing_here", "missing_there", "amount_differs"):
        count = look_one("SELECT count(*) FROM recon_items WHERE state = 'open' AND mismatch = :m", m=mismatch)
        if count and mismatch not in raised:
            found.append(f"{count} lines are {mismatch}, and nobody was told")
    return found
