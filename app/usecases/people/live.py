"""Tickets for live streams: a signed-in person asks for one and opens a stream with it, once and soon.

A ticket is opaque, stored by digest, and carries the topics that its holder may hear at the moment of asking. All of
this is wall time.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import TextClause, text

from app.kernel.actor import Actor, Side
from app.kernel.transaction import transaction

TICKET_LIFETIME = timedelta(seconds=60)

TOPICS_OF: Mapping[Side, str] = {
    Side.USER: "SELECT 'account:' || CAST(:account_id AS uuid) AS topic",
    Side.MERCHANT: """
        SELECT 'shop:' || s.shop_id AS topic
        FROM memberships AS m JOIN shops AS s ON s.merchant_id = m.organization_id
        WHERE m.account_id = :account_id AND m.organization_kind = 'merchant'
        UNION ALL SELECT 'merchant:' || organization_id
        FROM memberships WHERE account_id = :account_id AND organization_kind = 'merchant' AND role = 'owner'
        """,
    Side.COURIER: """
        SELECT unnest(ARRAY['courier:' || courier_id, 'community:' || community_id]) AS topic
        FROM couriers WHERE courier_id = :account_id AND state = 'active'
        """,
    Side.STORE: """
        SELECT 'store:' || organization_id AS topic
        FROM memberships WHERE account_id = :account_id AND organization_kind = 'store'
        """,
    Side.PLATFORM: """
        SELECT 'platform:' || organization_id AS topic
        FROM memberships WHERE account_id = :account_id AND organization_kind = 'platform'
        """,
}
"""What a person may hear, by side; a merchant's owner hears of what is not a shop's, the platform of incidents."""


def _issue(topics: str) -> TextClause:
    return text(
        f"""
        INSERT INTO live_tickets (digest, topics, expires_at)
        SELECT :digest, coalesce(jsonb_agg(t.topic ORDER BY t.topic), '[]'), clock_timestamp() + :lifetime
        FROM ({topics}) AS t
        WHERE cardinality(CAST(:wished AS text[])) = 0 OR t.topic = ANY (CAST(:wished AS text[]))
        """
    )


_ISSUE = {side: _issue(topics) for side, topics in TOPICS_OF.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveTicket:
    """What opens one live stream; shown once."""

    ticket: str
    expires_in_s: int


def issue_ticket(actor: Actor, topics: list[str]) -> LiveTicket:
    """Issue a ticket for ``topics``, such as ``["shop:0197…"]``; an empty list means all that the actor may hear.

    Topics that are not the actor's are left out, as if nothing happened there.
    """
    ticket = secrets.token_urlsafe(32)
    with transaction() as tx:
        tx.execute(
            _ISSUE[actor.side],
            {
                "account_id": actor.account_id,
                "digest": hashlib.sha256(ticket.encode()).digest(),
                "lifetime": TICKET_LIFETIME,
                "wished": topics,
            },
        )
    return LiveTicket(ticket=ticket, expires_in_s=int(TICKET_LIFETIME.total_seconds()))
