"""Stripe's JSON into the port's objects, strictly: what has another shape is an unknown outcome, never a guess."""

import re
from collections.abc import Mapping
from typing import Any

from app.core.payments.ports import (
    BadEvent,
    DisputeMovement,
    GatewayDispute,
    GatewayDisputeState,
    GatewayEvent,
    GatewayRefund,
    GatewayUnknown,
    Intent,
    IntentState,
    RefundState,
)

Json = Mapping[str, Any]


_NAME = re.compile(r"[!-~]{1,255}", re.ASCII)
"""An id or a type: Stripe's are at most 255 characters long."""
_ASKED_OF_THE_APP = frozenset({"redirect_to_url", "use_stripe_sdk"})
"""What a card's bank wants, which the gateway's scripts in the payer's app do."""


class _Misshapen(Exception):
    """A field is missing or of another type."""


def read_intent(body: object) -> Intent:
    """Read a payment intent.

    :raises GatewayUnknown: ``malformed_answer``.
    """
    try:
        answer = _object(body, "payment_intent")
        state = IntentState(_text(answer, "status"))
        code = _qr_code(answer) if state is IntentState.REQUIRES_ACTION else {}
        return Intent(
            id=_name(answer, "id"),
            state=state,
            amount_fen=_whole(answer, "amount"),
            amount_received_fen=_whole(answer, "amount_received", missing=0),
            currency=_name(answer, "currency"),
            is_live=_flag(answer, "livemode"),
            qr_text=_text_or_none(code, "data"),
            qr_image_url=_text_or_none(code, "image_data_url") or _text_or_none(code, "image_url_png"),
            client_secret=_text_or_none(answer, "client_secret"),
            metadata=_metadata(answer),
            created_at=_whole(answer, "created"),
            charge_id=_charge_id(answer),
            payee=_payee(answer),
        )
    except (_Misshapen, ValueError) as error:
        raise GatewayUnknown("malformed_answer") from error


def read_refund(body: object) -> GatewayRefund:
    """Read a refund.

    :raises GatewayUnknown: ``malformed_answer``.
    """
    try:
        answer = _object(body, "refund")
        return GatewayRefund(
            id=_name(answer, "id"),
            state=RefundState(_text(answer, "status")),
            amount_fen=_whole(answer, "amount"),
            currency=_name(answer, "currency"),
            intent_id=_name_or_none(answer, "payment_intent"),
            metadata=_metadata(answer),
            failure_reason=_text_or_none(answer, "failure_reason"),
        )
    except (_Misshapen, ValueError) as error:
        raise GatewayUnknown("malformed_answer") from error


def read_dispute(body: object) -> GatewayDispute:
    """Read a dispute.

    :raises GatewayUnknown: ``malformed_answer``.
    """
    try:
        answer = _object(body, "dispute")
        details = _inner(answer, "evidence_details")
        return GatewayDispute(
            id=_name(answer, "id"),
            state=GatewayDisputeState(_text(answer, "status")),
            intent_id=_name_or_none(answer, "payment_intent"),
            amount_fen=_whole(answer, "amount"),
            currency=_name(answer, "currency"),
            is_live=_flag(answer, "livemode"),
            reason=_name(answer, "reason"),
            movements=tuple(
                DisputeMovement(id=_name(line, "id"), amount_fen=_signed(line, "amount"))
                for line in _objects(answer, "balance_transactions")
            ),
            is_refundable=_flag(answer, "is_charge_refundable"),
            due_at=None if details.get("due_by") is None else _whole(details, "due_by"),
            submissions=_whole(details, "submission_count"),
            created_at=_whole(answer, "created"),
        )
    except (_Misshapen, ValueError) as error:
        raise GatewayUnknown("malformed_answer") from error


def read_page(body: object) -> tuple[list[Json], bool]:
    """Read one page of a list: its objects, and whether there are more after them.

    :raises GatewayUnknown: ``malformed_answer``.
    """
    try:
        answer = _object(body, "list")
        return _items(answer), _flag(answer, "has_more")
    except _Misshapen as error:
        raise GatewayUnknown("malformed_answer") from error


def read_event(body: object) -> GatewayEvent:
    """Read a notice whose signature has been checked.

    :raises BadEvent: it has no shape that Linli knows.
    """
    try:
        notice = _object(body, "event")
        subject = _inner(_inner(notice, "data"), "object")
        kind, object_id = _name(subject, "object"), _name(subject, "id")
        return GatewayEvent(
            id=_name(notice, "id"),
            type=_name(notice, "type"),
            object_id=object_id,
            object_kind=kind,
            created_at=_whole(notice, "created"),
            is_live=_flag(notice, "livemode"),
            intent_id=object_id if kind == "payment_intent" else _name_or_none(subject, "payment_intent"),
            account=_name_or_none(notice, "account"),
        )
    except _Misshapen as error:
        raise BadEvent from error


def _object(body: object, kind: str) -> Json:
    if not isinstance(body, dict) or body.get("object") != kind:
        raise _Misshapen
    return body


def _inner(answer: Json, name: str) -> Json:
    value = answer.get(name)
    if not isinstance(value, dict):
        raise _Misshapen
    return value


def _items(answer: Json) -> list[Json]:
    return _objects(answer, "data")


def _objects(answer: Json, name: str) -> list[Json]:
    items = answer.get(name)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise _Misshapen
    for item in items:
        _name(item, "id")
    return items


def _text(answer: Json, name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value or not _is_kept_whole(value):
        raise _Misshapen
    return value


def _name(answer: Json, name: str) -> str:
    value = _text(answer, name)
    if not _NAME.fullmatch(value):
        raise _Misshapen
    return value


def _name_or_none(answer: Json, name: str) -> str | None:
    return None if answer.get(name) is None else _name(answer, name)


def _is_kept_whole(value: str) -> bool:
    """Whether the database can keep it as it is: there is no NUL and no half of a character in its text."""
    return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)


def _text_or_none(answer: Json, name: str) -> str | None:
    return None if answer.get(name) is None else _text(answer, name)


def _whole(answer: Json, name: str, *, missing: int | None = None) -> int:
    value = answer.get(name, missing)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _Misshapen
    return value


def _signed(answer: Json, name: str) -> int:
    value = answer.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Misshapen
    return value


def _flag(answer: Json, name: str) -> bool:
    value = answer.get(name)
    if not isinstance(value, bool):
        raise _Misshapen
    return value


def _metadata(answer: Json) -> dict[str, str]:
    value = answer.get("metadata") or {}
    if not isinstance(value, dict):
        raise _Misshapen
    if not all(isinstance(item, str) and _is_kept_whole(item) for item in value.values()):
        raise _Misshapen
    return value


def _qr_code(answer: Json) -> Json:
    """Return the code to scan; nothing where the payer's own app is asked for something else."""
    action = _inner(answer, "next_action")
    if _text(action, "type") in _ASKED_OF_THE_APP:
        return {}
    code = _inner(action, "wechat_pay_display_qr_code")
    _text(code, "data")
    return code


def _charge_id(answer: Json) -> str | None:
    """Return the id of the latest charge: in a list up to API version 2022-08-01, a plain id since."""
    if isinstance(answer.get("latest_charge"), str):
        return _name(answer, "latest_charge")
    if not isinstance(answer.get("charges"), dict):
        return None
    charges, _ = read_page(answer["charges"])
    return _name(charges[0], "id") if charges else None


def _payee(answer: Json) -> str | None:
    """Return who else gets the money or a part of it, by the intent or the charges that it shows."""
    charges = read_page(answer["charges"])[0] if isinstance(answer.get("charges"), dict) else []
    for one in (answer, *charges):
        transfer = {} if one.get("transfer_data") is None else _inner(one, "transfer_data")
        for named, where in (("destination", transfer), ("destination", one), ("on_behalf_of", one)):
            if payee := _name_or_none(where, named):
                return payee
        if one.get("application_fee_amount"):
            return _name_or_none(one, "application") or "application"
    return None
