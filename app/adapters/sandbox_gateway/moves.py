"""What happens to money at the gateway. Every move runs alone, inside :meth:`Store.write`, whole or not at all.

An intent keeps the same id through all its tries to be paid. Its charge is kept as an object of its own and,
as Stripe shows it, inside the intent; a refund likewise inside its charge. :func:`_show` writes both places.
"""

from collections.abc import Callable
from dataclasses import dataclass

from app.adapters.sandbox_gateway import objects
from app.adapters.sandbox_gateway.faults import Dice
from app.adapters.sandbox_gateway.objects import ApiError, Json
from app.adapters.sandbox_gateway.options import Options
from app.adapters.sandbox_gateway.store import Rows

COPIES = 3
"""How often a duplicated notice is sent."""
BP = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """The gateway's hands.

    :ivar clock: wall time, seconds since the epoch.
    """

    options: Options
    dice: Dice
    clock: Callable[[], float]

    def create_intent(self, rows: Rows, given: Json, key: str | None) -> Json:
        """Create an intent; with ``confirm`` also show its code."""
        intent = objects.intent(
            amount=given["amount"],
            description=given.get("description"),
            metadata=given.get("metadata", {}),
            created=int(self.clock()),
            types=given.get("payment_method_types", ["wechat_pay"]),
        )
        rows.add(intent)
        self._attach(intent, given)
        if given.get("confirm"):
            self._confirm(intent)
        rows.put(intent, due_at=self._code_due(intent))
        self._record(rows, "payment_intent.created", intent, key)
        if intent["status"] == "requires_action":
            self._record(rows, "payment_intent.requires_action", intent, key)
        return intent

    def confirm_intent(self, rows: Rows, intent_id: str, given: Json, key: str | None) -> Json:
        """Show the code of an intent that waits for it."""
        intent = self._intent(rows, intent_id)
        _must_be(intent, "requires_payment_method", "requires_confirmation")
        self._attach(intent, given)
        self._confirm(intent)
        rows.put(intent, due_at=self._code_due(intent))
        self._record(rows, "payment_intent.requires_action", intent, key)
        return intent

    def cancel_intent(self, rows: Rows, intent_id: str, given: Json, key: str | None) -> Json:
        """Close an intent that is not final."""
        intent = self._intent(rows, intent_id)
        _must_be(intent, "requires_payment_method", "requires_confirmation", "requires_action")
        intent |= {
            "status": "canceled",
            "canceled_at": int(self.clock()),
            "cancellation_reason": given.get("cancellation_reason"),
            "next_action": None,
        }
        rows.put(intent)
        self._record(rows, "payment_intent.canceled", intent, key)
        return intent

    def give_card(self, rows: Rows, intent_id: str, card: str) -> Json:
        """Let the person give a card, as the gateway's script in their app does with the intent's client secret."""
        intent = self._intent(rows, intent_id)
        _must_be(intent, "requires_payment_method", "requires_confirmation")
        if intent["payment_method_types"] != ["card"]:
            raise ApiError(400, "payment_intent_invalid_parameter", "This intent takes no card.", param="card")
        if card not in objects.CARDS:
            raise ApiError(400, "incorrect_number", f"The sandbox has these cards: {', '.join(objects.CARDS)}.")
        if card == "declined":
            return self._refuse(
                rows, intent, kind="card_error", code="card_declined", message="Your card was declined."
            )
        intent |= {"payment_method": objects.new_id("pm"), "last_payment_error": None}
        if card == "visa":
            return self._pay(rows, intent, card)
        url = self.options.public_url
        intent |= {"status": "requires_action", "next_action": objects.bank_to_ask(intent_id, url)}
        rows.put(intent)
        self._record(rows, "payment_intent.requires_action", intent)
        return intent

    def pay(self, rows: Rows, intent_id: str) -> Json:
        """Let the person scan and pay, or say yes to their card's bank."""
        intent = self._intent(rows, intent_id)
        _must_be(intent, "requires_action")
        return self._pay(rows, intent, "three_d_secure" if intent["payment_method_types"] == ["card"] else None)

    def _pay(self, rows: Rows, intent: Json, card: str | None) -> Json:
        intent_id = intent["id"]
        now = int(self.clock())
        fee = intent["amount"] * self.options.fee_bp // BP
        line = objects.balance_transaction(
            kind="payment", amount=intent["amount"], fee=fee, source=intent_id, created=now
        )
        charge = objects.charge(intent, created=now, balance_transaction=line["id"], card=card)
        line["source"] = charge["id"]
        intent |= {"status": "succeeded", "amount_received": intent["amount"], "next_action": None}
        rows.add(line, parent=charge["id"])
        rows.add(charge, parent=intent_id)
        self._show(rows, intent, charge)
        self._record(rows, "charge.succeeded", charge)
        self._record(rows, "payment_intent.succeeded", intent)
        return intent

    def refuse(self, rows: Rows, intent_id: str, *, code: str = "payment_intent_payment_attempt_failed") -> Json:
        """Let the person refuse or, by ``code``, the code expire; the intent stays open for another try."""
        intent = self._intent(rows, intent_id)
        _must_be(intent, "requires_action")
        message = "The code expired." if code.endswith("expired") else "The payer refused."
        if intent["payment_method_types"] == ["card"]:
            code = "payment_intent_authentication_failure"
        return self._refuse(rows, intent, kind="invalid_request_error", code=code, message=message)

    def _refuse(self, rows: Rows, intent: Json, *, kind: str, code: str, message: str) -> Json:
        intent |= {
            "status": "requires_payment_method",
            "next_action": None,
            "payment_method": None,
            "last_payment_error": {"type": kind, "code": code, "message": message},
        }
        rows.put(intent)
        self._record(rows, "payment_intent.payment_failed", intent)
        return intent

    def create_refund(self, rows: Rows, given: Json, key: str | None) -> Json:
        """Send money back, at once or pending, never more than is left."""
        charge = self._charge_of(rows, given)
        if any(not one["is_charge_refundable"] for one in self._disputes_of(rows, charge)):
            raise ApiError(400, "charge_disputed", f"Charge {charge['id']} has been charged back.", is_stored=True)
        left = charge["amount"] - charge["amount_refunded"]
        if left == 0:
            raise ApiError(
                400, "charge_already_refunded", f"Charge {charge['id']} is already refunded.", is_stored=True
            )
        amount = given.get("amount", left)
        if amount > left:
            raise ApiError(
                400,
                "amount_too_large",
                f"Refund of {amount} is more than the {left} left.",
                param="amount",
                is_stored=True,
            )
        now = self.clock()
        refund = objects.refund(
            charge, amount=amount, metadata=given.get("metadata", {}), reason=given.get("reason"), created=int(now)
        )
        due_at: float | None = now + self.options.refund_delay_s
        if self.options.refund_delay_s == 0:
            due_at = self._settle(rows, refund)
        rows.add(refund, parent=charge["payment_intent"], due_at=due_at)
        charge["amount_refunded"] += amount
        self._show_refund(rows, charge, refund)
        self._record(rows, "charge.refunded", charge, key)
        return refund

    def finish_refund(self, rows: Rows, refund_id: str, *, is_ok: bool = True) -> Json:
        """Let a pending refund succeed, or one that is not failed yet fail: its money comes back to the balance."""
        refund = rows.get(refund_id, "refund")
        if refund is None:
            raise ApiError(404, "resource_missing", f"No such refund: {refund_id}", param="refund")
        if refund["status"] not in (("pending",) if is_ok else ("pending", "succeeded")):
            raise ApiError(400, "refund_unexpected_state", f"The refund is {refund['status']}.")
        charge = rows.get(refund["charge"], "charge")
        assert charge is not None
        due_at = self._settle(rows, refund) if is_ok else None
        if not is_ok:
            self._fail(rows, refund)
            charge["amount_refunded"] -= refund["amount"]
        rows.put(refund, due_at=due_at)
        self._show_refund(rows, charge, refund)
        self._record(rows, "charge.refund.updated", refund)
        return refund

    def open_dispute(
        self, rows: Rows, intent_id: str, *, amount: int | None, reason: str, is_inquiry: bool = False
    ) -> Json:
        """Let the payer's bank take back ``amount``, or all that is left; by an inquiry it only asks."""
        intent = self._intent(rows, intent_id)
        _must_be(intent, "succeeded")
        charge = rows.get(intent["charges"]["data"][0]["id"], "charge")
        assert charge is not None
        left = charge["amount"] - charge["amount_refunded"]
        if charge["disputed"] or not 1 <= (amount or left) <= left:
            raise ApiError(400, "charge_not_disputable", f"The charge is disputed, or has only {left} left.")
        now = int(self.clock())
        due_by = now + int(self.options.dispute_days * 86_400)
        dispute = objects.dispute(
            charge, amount=amount or left, reason=reason, is_inquiry=is_inquiry, created=now, due_by=due_by
        )
        charge["disputed"] = True
        if not is_inquiry:
            self._book(rows, dispute, "dispute", -dispute["amount"], fee=self.options.dispute_fee)
        rows.add(dispute, parent=intent_id, due_at=due_by)
        self._show(rows, intent, charge)
        self._record(rows, "charge.dispute.created", dispute)
        if not is_inquiry:
            self._record(rows, "charge.dispute.funds_withdrawn", dispute)
        return dispute

    def answer_dispute(self, rows: Rows, dispute_id: str, given: Json, key: str | None) -> Json:
        """Take evidence and, unless told otherwise, hand it to the payer's bank, which then thinks about it.

        As in Stripe's test mode, ``winning_evidence`` and ``losing_evidence`` as ``uncategorized_text`` decide at once.
        """
        dispute = self._dispute(rows, dispute_id)
        _must_wait(dispute)
        dispute["evidence"] |= given.get("evidence", {})
        dispute["metadata"] |= given.get("metadata", {})
        details = dispute["evidence_details"]
        details["has_evidence"] = any(value is not None for value in dispute["evidence"].values())
        is_submitted = given.get("submit", True)
        due_at = None if is_submitted else details["due_by"]
        if is_submitted:
            details["submission_count"] += 1
            dispute["status"] = dispute["status"].replace("needs_response", "under_review")
        rows.put(dispute, due_at=due_at)
        self._record(rows, "charge.dispute.updated", dispute, key)
        words = dispute["evidence"]["uncategorized_text"]
        if is_submitted and words in {"winning_evidence", "losing_evidence"}:
            return self.decide_dispute(rows, dispute_id, is_won=words == "winning_evidence")
        return dispute

    def accept_dispute(self, rows: Rows, dispute_id: str, key: str | None) -> Json:
        """Let the merchant give a dispute up: it is lost, for good."""
        dispute = self._dispute(rows, dispute_id)
        _must_wait(dispute)
        return self._end_dispute(rows, dispute, is_won=False, key=key)

    def decide_dispute(self, rows: Rows, dispute_id: str, *, is_won: bool) -> Json:
        """Let the payer's bank decide."""
        dispute = self._dispute(rows, dispute_id)
        if dispute["status"] in _OVER:
            raise ApiError(400, "dispute_unexpected_state", f"The dispute is {dispute['status']}.")
        return self._end_dispute(rows, dispute, is_won=is_won)

    def escalate_dispute(self, rows: Rows, dispute_id: str) -> Json:
        """Let an inquiry become a dispute, which takes the money: no more than was not refunded meanwhile."""
        dispute = self._dispute(rows, dispute_id)
        if not dispute["status"].startswith("warning") or dispute["status"] in _OVER:
            raise ApiError(400, "dispute_unexpected_state", f"The dispute is {dispute['status']}.")
        charge = rows.get(dispute["charge"], "charge")
        assert charge is not None
        left = charge["amount"] - charge["amount_refunded"]
        if left == 0:
            raise ApiError(400, "charge_already_refunded", f"Charge {charge['id']} is already refunded.")
        amount = min(dispute["amount"], left)
        dispute |= {"status": "needs_response", "is_charge_refundable": False, "amount": amount}
        self._book(rows, dispute, "dispute", -dispute["amount"], fee=self.options.dispute_fee)
        rows.put(dispute, due_at=dispute["evidence_details"]["due_by"])
        self._record(rows, "charge.dispute.updated", dispute)
        self._record(rows, "charge.dispute.funds_withdrawn", dispute)
        return dispute

    def let_lapse(self, rows: Rows, dispute_id: str) -> None:
        """Let a dispute be lost that nobody answered in time."""
        dispute = self._dispute(rows, dispute_id)
        dispute["evidence_details"]["past_due"] = True
        self._end_dispute(rows, dispute, is_won=False)

    def _end_dispute(self, rows: Rows, dispute: Json, *, is_won: bool, key: str | None = None) -> Json:
        is_inquiry = dispute["status"].startswith("warning")
        if is_inquiry:
            dispute["status"] = "warning_closed"
        else:
            dispute |= {"status": "won" if is_won else "lost", "is_charge_refundable": is_won}
        if is_won and not is_inquiry:
            self._book(rows, dispute, "dispute_reversal", dispute["amount"], fee=0)
        rows.put(dispute)
        self._record(rows, "charge.dispute.closed", dispute, key)
        if is_won and not is_inquiry:
            self._record(rows, "charge.dispute.funds_reinstated", dispute)
        return dispute

    def _book(self, rows: Rows, dispute: Json, kind: str, amount: int, *, fee: int) -> None:
        line = objects.balance_transaction(
            kind=kind, amount=amount, fee=fee, source=dispute["id"], created=int(self.clock())
        )
        rows.add(line, parent=dispute["id"])
        dispute["balance_transactions"].append(line)

    def _dispute(self, rows: Rows, dispute_id: str) -> Json:
        dispute = rows.get(dispute_id, "dispute")
        if dispute is None:
            raise ApiError(404, "resource_missing", f"No such dispute: {dispute_id}", param="dispute")
        return dispute

    def _disputes_of(self, rows: Rows, charge: Json) -> list[Json]:
        return rows.children(charge["payment_intent"], "dispute")

    def _intent(self, rows: Rows, intent_id: str) -> Json:
        intent = rows.get(intent_id, "payment_intent")
        if intent is None:
            raise ApiError(404, "resource_missing", f"No such payment_intent: {intent_id}", param="intent")
        return intent

    def _attach(self, intent: Json, given: Json) -> None:
        """Take over how the person will pay, when the request says so."""
        if "payment_method_data" in given:
            if "type" not in given["payment_method_data"]:
                raise ApiError(400, "parameter_missing", "Missing: type", param="payment_method_data[type]")
            if intent["payment_method_types"] != ["wechat_pay"]:
                message = "A card is given by its payer's app."
                raise ApiError(400, "payment_intent_invalid_parameter", message, param="payment_method_data")
            intent |= {"payment_method": objects.new_id("pm"), "status": "requires_confirmation"}
        if "payment_method_options" in given:
            wechat_pay = given["payment_method_options"].get("wechat_pay", {})
            intent["payment_method_options"] = {
                "wechat_pay": {"app_id": wechat_pay.get("app_id"), "client": wechat_pay.get("client")}
            }

    def _confirm(self, intent: Json) -> None:
        if intent["payment_method_types"] != ["wechat_pay"]:
            raise ApiError(
                400, "payment_intent_invalid_parameter", "A card is given by its payer's app.", param="confirm"
            )
        if intent["payment_method"] is None:
            raise ApiError(400, "parameter_missing", "A way to pay is missing.", param="payment_method")
        client = intent["payment_method_options"].get("wechat_pay", {}).get("client")
        if client != "web":
            raise ApiError(
                400,
                "parameter_missing",
                "This sandbox shows codes to web clients.",
                param="payment_method_options[wechat_pay][client]",
            )
        intent |= {
            "status": "requires_action",
            "last_payment_error": None,
            "next_action": objects.code_to_scan(intent["id"], self.options.public_url),
        }

    def _code_due(self, intent: Json) -> float | None:
        return self.clock() + self.options.qr_expiry_s if intent["status"] == "requires_action" else None

    def _charge_of(self, rows: Rows, given: Json) -> Json:
        """Return the charge that a refund names, itself or through its intent."""
        if ("charge" in given) == ("payment_intent" in given):
            raise ApiError(400, "parameter_missing", "Name a charge or a payment_intent.", param="payment_intent")
        if "charge" in given:
            charge = rows.get(given["charge"], "charge")
            if charge is None:
                raise ApiError(404, "resource_missing", f"No such charge: {given['charge']}", param="charge")
            return charge
        intent = rows.get(given["payment_intent"], "payment_intent")
        if intent is None:
            raise ApiError(404, "resource_missing", "No such payment_intent.", param="payment_intent")
        if intent["status"] != "succeeded":
            raise ApiError(
                400, "payment_intent_unexpected_state", f"Nothing was paid: {intent['status']}.", is_stored=True
            )
        charge = rows.get(intent["charges"]["data"][0]["id"], "charge")
        assert charge is not None
        return charge

    def end_refund(self, rows: Rows, refund_id: str) -> None:
        """Let a refund that is due succeed, or come back where it had succeeded."""
        refund = rows.get(refund_id, "refund")
        assert refund is not None, "what is due is there"
        self.finish_refund(rows, refund_id, is_ok=refund["status"] == "pending")

    def _settle(self, rows: Rows, refund: Json) -> float | None:
        """Let a refund succeed; return when it comes back, if the dice want it to."""
        line = objects.balance_transaction(
            kind="payment_refund", amount=-refund["amount"], fee=0, source=refund["id"], created=int(self.clock())
        )
        rows.add(line, parent=refund["id"])
        refund |= {"status": "succeeded", "balance_transaction": line["id"]}
        return self.clock() + self.dice.plan.refund_back_s if self.dice.hits("refund_back") else None

    def _fail(self, rows: Rows, refund: Json) -> None:
        if refund["status"] == "succeeded":
            line = objects.balance_transaction(
                kind="payment_failure_refund",
                amount=refund["amount"],
                fee=0,
                source=refund["id"],
                created=int(self.clock()),
            )
            rows.add(line, parent=refund["id"])
            refund["failure_balance_transaction"] = line["id"]
        refund |= {"status": "failed", "failure_reason": "unknown"}

    def _show(self, rows: Rows, intent: Json, charge: Json) -> None:
        """Write the charge, and the intent that shows it."""
        intent["charges"]["data"] = [charge]
        rows.put(charge)
        rows.put(intent)

    def _show_refund(self, rows: Rows, charge: Json, refund: Json) -> None:
        """Write the refund into its charge, and the charge into its intent. Newest first, at most ten are shown."""
        others = [shown for shown in charge["refunds"]["data"] if shown["id"] != refund["id"]]
        newest_first = sorted([refund, *others], key=lambda one: -one["created"])
        charge["refunds"]["has_more"] = charge["refunds"]["has_more"] or len(newest_first) > 10  # noqa: PLR2004 - said above
        charge["refunds"]["data"] = newest_first[:10]
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        self._show(rows, self._intent(rows, charge["payment_intent"]), charge)

    def _record(self, rows: Rows, kind: str, subject: Json, key: str | None = None) -> None:
        """Record an event and, when its type is sent, the notices that are owed, in the same commit."""
        options, now = self.options, self.clock()
        is_sent = options.webhook_url is not None and not options.webhook_events.isdisjoint({kind, "*"})
        event = objects.event(kind=kind, subject=subject, created=int(now), pending_webhooks=int(is_sent), key=key)
        rows.add(event, parent=subject["id"])
        if not is_sent:
            return
        plan = self.dice.plan
        wait_s = (plan.late_s if self.dice.hits("late") else 0) + (plan.reorder_s if self.dice.hits("reorder") else 0)
        for _ in range(COPIES if self.dice.hits("duplicate") else 1):
            rows.connection.execute(
                "INSERT INTO delivery (event_id, first_at, due_at) VALUES (?, ?, ?)", (event["id"], now, now + wait_s)
            )


_OVER = frozenset({"won", "lost", "warning_closed", "charge_refunded"})


def _must_wait(dispute: Json) -> None:
    if not dispute["status"].endswith("needs_response"):
        raise ApiError(
            400, "dispute_unexpected_state", f"The dispute is {dispute['status']}, and takes no answer.", is_stored=True
        )


def _must_be(intent: Json, *states: str) -> None:
    if intent["status"] not in states:
        raise ApiError(
            400,
            "payment_intent_unexpected_state",
            f"The payment intent is {intent['status']}, and would have to be {' or '.join(states)}.",
            is_stored=True,
        )
