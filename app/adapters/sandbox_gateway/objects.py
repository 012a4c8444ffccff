"""Stripe's objects in the shapes of API version 2020-08-27: pure builders, no store, no clock."""

import secrets
from typing import Any

from app.adapters.sandbox_gateway import qr

Json = dict[str, Any]

_ID_BYTES = 12


def new_id(prefix: str) -> str:
    """Return a fresh id such as ``pi_3…``."""
    return f"{prefix}_{secrets.token_hex(_ID_BYTES)}"


class ApiError(Exception):
    """A refusal in Stripe's envelope.

    :param param: the parameter at fault. :param is_stored: the answer belongs to the idempotency key; a
    request that was
        refused before anything was tried leaves the key free.
    """

    def __init__(
        self,
        status: int,
        code: str | None,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        is_stored: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.is_stored = is_stored
        fields = {"type": kind, "code": code, "message": message, "param": param}
        self.body: Json = {"error": {name: value for name, value in fields.items() if value is not None}}


def listed(items: list[Json], *, url: str, has_more: bool = False) -> Json:
    """Return a list object."""
    return {"object": "list", "data": items, "has_more": has_more, "url": url}


def intent(*, amount: int, description: str | None, metadata: dict[str, str], created: int, types: list[str]) -> Json:
    """Return a payment intent that waits for a way to pay."""
    intent_id = new_id("pi")
    return {
        "id": intent_id,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic",
        "charges": listed([], url=f"/v1/charges?payment_intent={intent_id}"),
        "client_secret": f"{intent_id}_secret_{secrets.token_hex(12)}",
        "confirmation_method": "automatic",
        "created": created,
        "currency": "cny",
        "customer": None,
        "description": description,
        "invoice": None,
        "last_payment_error": None,
        "livemode": False,
        "metadata": metadata,
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_options": {},
        "payment_method_types": types,
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }


def code_to_scan(intent_id: str, public_url: str) -> Json:
    """Return the next action of a confirmed intent. The code leads to the page where a person plays WeChat."""
    text = f"{public_url}/scan/{intent_id}"
    return {
        "type": "wechat_pay_display_qr_code",
        "wechat_pay_display_qr_code": {
            "data": text,
            "image_data_url": qr.png_data_url(text),
            "image_url_png": f"{public_url}/qr/{intent_id}.png",
            "image_url_svg": f"{public_url}/qr/{intent_id}.svg",
        },
    }


CARDS = {
    "visa": ("visa", "4242"),
    "three_d_secure": ("visa", "3220"),
    "declined": ("visa", "0002"),
}
"""The test cards that a person can give: accepted, accepted once their owner said yes to their bank, declined."""


def bank_to_ask(intent_id: str, public_url: str) -> Json:
    """Return the next action of a card whose owner is to be asked: their bank's page."""
    return {
        "type": "redirect_to_url",
        "redirect_to_url": {"url": f"{public_url}/scan/{intent_id}", "return_url": f"{public_url}/scan/{intent_id}"},
    }


def _wechat_pay_details() -> Json:
    return {
        "type": "wechat_pay",
        "wechat_pay": {"fingerprint": None, "transaction_id": f"42{secrets.randbelow(10**26):026d}"},
    }


def _card_details(card: str) -> Json:
    brand, last4 = CARDS[card]
    checks = {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"}
    return {
        "type": "card",
        "card": {
            "brand": brand,
            "checks": checks,
            "country": "CN",
            "exp_month": 12,
            "exp_year": 2034,
            "fingerprint": secrets.token_hex(8),
            "funding": "credit",
            "installments": None,
            "last4": last4,
            "network": brand,
            "three_d_secure": None,
            "wallet": None,
        },
    }


def charge(paid: Json, *, created: int, balance_transaction: str, card: str | None = None) -> Json:
    """Return the charge of an intent that has just been paid, by one of :data:`CARDS` or by WeChat Pay."""
    charge_id = new_id("ch")
    return {
        "id": charge_id,
        "object": "charge",
        "amount": paid["amount"],
        "amount_captured": paid["amount"],
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": balance_transaction,
        "billing_details": {
            "address": dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state")),
            "email": None,
            "name": None,
            "phone": None,
        },
        "calculated_statement_descriptor": None,
        "captured": True,
        "created": created,
        "currency": paid["currency"],
        "customer": None,
        "description": paid["description"],
        "disputed": False,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "invoice": None,
        "livemode": False,
        "metadata": paid["metadata"],
        "on_behalf_of": None,
        "order": None,
        "outcome": None,
        "paid": True,
        "payment_intent": paid["id"],
        "payment_method": paid["payment_method"],
        "payment_method_details": _wechat_pay_details() if card is None else _card_details(card),
        "receipt_email": None,
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "refunds": listed([], url=f"/v1/charges/{charge_id}/refunds"),
        "review": None,
        "shipping": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "succeeded",
        "transfer_data": None,
        "transfer_group": None,
    }


def refund(of: Json, *, amount: int, metadata: dict[str, str], reason: str | None, created: int) -> Json:
    """Return a pending refund of charge ``of``."""
    return {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": of["id"],
        "created": created,
        "currency": of["currency"],
        "metadata": metadata,
        "payment_intent": of["payment_intent"],
        "reason": reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "pending",
        "transfer_reversal": None,
    }


EVIDENCE = (
    "access_activity_log", "billing_address", "cancellation_policy", "cancellation_policy_disclosure",
    "cancellation_rebuttal", "customer_communication", "customer_email_address", "customer_name",
    "customer_purchase_ip", "customer_signature", "duplicate_charge_documentation", "duplicate_charge_explanation",
    "duplicate_charge_id", "product_description", "receipt", "refund_policy", "refund_policy_disclosure",
    "refund_refusal_explanation", "service_date", "service_documentation", "shipping_address", "shipping_carrier",
    "shipping_date", "shipping_documentation", "shipping_tracking_number", "uncategorized_file", "uncategorized_text",
)  # fmt: skip
"""What a dispute may be answered with."""


def dispute(of: Json, *, amount: int, reason: str, is_inquiry: bool, created: int, due_by: int) -> Json:
    """Return a dispute of charge ``of``, or an inquiry, which moves no money and leaves the charge refundable."""
    return {
        "id": new_id("dp"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": of["id"],
        "created": created,
        "currency": of["currency"],
        "evidence": dict.fromkeys(EVIDENCE),
        "evidence_details": {"due_by": due_by, "has_evidence": False, "past_due": False, "submission_count": 0},
        "is_charge_refundable": is_inquiry,
        "livemode": False,
        "metadata": {},
        "payment_intent": of["payment_intent"],
        "reason": reason,
        "status": "warning_needs_response" if is_inquiry else "needs_response",
    }


_CATEGORIES = {
    "payment": "charge",
    "payment_refund": "refund",
    "payment_failure_refund": "refund_failure",
    "dispute": "dispute",
    "dispute_reversal": "dispute_reversal",
}
"""Each kind of line → its category in reports. The two of disputes are of one type, ``adjustment``."""


def balance_transaction(*, kind: str, amount: int, fee: int, source: str, created: int) -> Json:
    """Return a line of the gateway's books; ``kind`` is one of :data:`_CATEGORIES`."""
    return {
        "id": new_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": created,
        "created": created,
        "currency": "cny",
        "description": None,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [
            {"amount": fee, "application": None, "currency": "cny", "description": "Fee", "type": "stripe_fee"}
        ]
        if fee
        else [],
        "net": amount - fee,
        "reporting_category": _CATEGORIES[kind],
        "source": source,
        "status": "available",
        "type": "adjustment" if kind.startswith("dispute") else kind,
    }


def event(*, kind: str, subject: Json, created: int, pending_webhooks: int, key: str | None) -> Json:
    """Return the event that ``subject`` became what it is; ``key`` is the idempotency key that did it."""
    return {
        "id": new_id("evt"),
        "object": "event",
        "api_version": "2020-08-27",
        "created": created,
        "data": {"object": subject},
        "livemode": False,
        "pending_webhooks": pending_webhooks,
        "request": {"id": None, "idempotency_key": key},
        "type": kind,
    }
