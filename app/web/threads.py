"""The thread of an order: the same two routes for resident, shop and courier."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from marshmallow import fields

from app.kernel.actor import Actor, Role
from app.kernel.transaction import Claim, transaction
from app.usecases.messaging.order_thread import TEXT_CHARS_MAX, MessageSent, read_messages, send_message
from app.web.door import Door
from app.web.fields import Body, Choice, Id, Instant, Many, Text
from app.web.paging import PageQuery, page, read_cursor
from app.web.policy import Relation, policy
from app.web.views import LIST_MAX


class ThreadMessageIn(Body):
    """What to say."""

    text = Text(high=TEXT_CHARS_MAX, required=True)


class ThreadMessageSentOut(Body):
    """The message that was sent."""

    message_id = Id(required=True)


class ThreadMessageOut(Body):
    """A message; who wrote it is told by the part."""

    message_id = Id(required=True)
    role = Choice(Role, required=True)
    text = Text(high=TEXT_CHARS_MAX, required=True)
    sent_at = Instant(required=True)


class ThreadOut(Body):
    """A page of messages, newest first."""

    items = Many(fields.Nested(ThreadMessageOut), high=LIST_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


def add_thread(door: Door, relation: Relation) -> None:
    """Add the routes of an order's thread to ``door``."""

    @door.post(
        "/orders/<uuid:order_id>/messages", body=ThreadMessageIn, answer=ThreadMessageSentOut, status=201, once=True
    )
    @policy("message.write", relation)
    def write_message(actor: Actor, *, claim: Claim, order_id: UUID, body: dict[str, Any]) -> MessageSent:
        """Write to the other sides of an order: resident, shop and courier."""
        return send_message(actor, claim, order_id=order_id, text=body["text"])

    @door.get("/orders/<uuid:order_id>/messages", query=PageQuery, answer=ThreadOut)
    @policy("message.read", relation)
    def list_messages(actor: Actor, *, order_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
        """List what was written about an order, newest first; half an hour after its end to the resident alone."""
        limit, before = query["limit"], read_cursor(query["cursor"])
        with transaction() as tx:
            found = read_messages(tx, actor, order_id=order_id, before=before, limit=limit + 1)
        return page([asdict(message) for message in found], limit=limit, key="message_id")
