"""The gateway's notices: stored once by their id, then the object they are about is re-read. Order does not matter."""

from uuid import UUID

import structlog
from sqlalchemy import text

from app.core.events import GatewayEventReceived
from app.core.payments.errors import WebhookRefused
from app.core.payments.ports import BadEvent, BadSignature, GatewayEvent, GatewayRefused, PaymentGateway
from app.kernel.clock import wall_now_s
from app.kernel.transaction import transaction
from app.usecases.disputing.follow import follow_dispute
from app.usecases.paying.attempts import apply_intent, attempt_of_intent
from app.usecases.paying.refunds import look_again, open_refunds_of_intent, submit_each

log = structlog.get_logger()

_TAKE_IN = text(
    """
    INSERT INTO gateway_events (gateway_event_id, kind, object_id, body)
    VALUES (:gateway_event_id, :kind, :object_id, jsonb_build_object('intent_id', CAST(:intent_id AS text)))
    ON CONFLICT DO NOTHING
    """
)
_READ = text(
    "SELECT object_id, kind, body ->> 'intent_id' AS intent_id FROM gateway_events WHERE gateway_event_id = :id"
)
_DISPUTES = "charge.dispute."
_APPLIED = text("UPDATE gateway_events SET applied_at = clock_timestamp() WHERE gateway_event_id = :id")


def receive_event(gateway: PaymentGateway, payload: bytes, signature: str) -> GatewayEvent:
    """Verify a notice over its raw bytes and store it, once.

    :raises WebhookRefused: it is forged, stale, of the other world or another account, or not understood. Nothing was
        stored.
    """
    try:
        event = gateway.read_event(payload, signature, wall_now_s())
    except (BadSignature, BadEvent) as refusal:
        log.warning("gateway notice refused", reason=refusal.code)
        raise WebhookRefused(reason=refusal.code) from None
    if event.is_live != gateway.is_live:
        log.warning("gateway notice of the other world", gateway_event_id=event.id)
        raise WebhookRefused(reason="livemode")
    if event.account is not None:
        log.warning("gateway notice of another account", gateway_event_id=event.id)
        raise WebhookRefused(reason="account")
    with transaction() as tx:
        stored = tx.execute(
            _TAKE_IN,
            {
                "gateway_event_id": event.id,
                "kind": event.type,
                "object_id": event.object_id,
                "intent_id": event.intent_id,
            },
        )
        if stored.rowcount:
            tx.record(GatewayEventReceived(gateway_event_id=event.id))
    return event


def read_event_again(gateway: PaymentGateway, gateway_event_id: str) -> None:
    """Re-read what a stored notice is about and let it take effect; one about nothing the gateway knows has none."""
    with transaction() as tx:
        row = tx.execute(_READ, {"id": gateway_event_id}).one()
    try:
        _follow(gateway, row.intent_id, row.object_id)
        if row.kind.startswith(_DISPUTES):
            follow_dispute(gateway, gateway.retrieve_dispute(row.object_id))
    except GatewayRefused as refusal:
        if refusal.gateway_code != "resource_missing":
            raise
        log.warning("gateway notice of nothing", gateway_event_id=gateway_event_id)
    with transaction() as tx:
        tx.execute(_APPLIED, {"id": gateway_event_id})


def _follow(gateway: PaymentGateway, intent_id: str | None, object_id: str) -> None:
    if intent_id is not None:
        intent = gateway.retrieve_intent(intent_id)
        attempt_id = attempt_of_intent(intent_id) or _named_in(intent.metadata.get("attempt_id"))
        if attempt_id is not None:
            apply_intent(gateway, attempt_id, intent)
        submit_each(gateway, open_refunds_of_intent(intent_id))
    look_again(gateway, object_id)


def _named_in(metadata: str | None) -> UUID | None:
    try:
        return None if metadata is None else UUID(metadata)
    except ValueError:
        return None
