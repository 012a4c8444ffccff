"""What operators see and set of the surcharges on delivery fees."""

from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.communities.errors import CommunityNotFound
from app.core.orders.surcharges import SURCHARGE_FEN_MAX, SurchargeRates
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read
from app.usecases.dispatching.set_surcharges import SurchargesSet, set_surcharges
from app.web.door import Door
from app.web.fields import Body, Fen, Id
from app.web.policy import Relation, policy

_READ = text(
    """
    SELECT c.community_id, coalesce(r.night_fen, 0) AS night_fen, coalesce(r.weather_fen, 0) AS weather_fen,
        coalesce(r.floor_fen, 0) AS floor_fen
    FROM communities AS c LEFT JOIN LATERAL (
        SELECT * FROM delivery_surcharges AS r WHERE r.community_id = c.community_id ORDER BY r.set_at DESC LIMIT 1
    ) AS r ON true
    WHERE c.community_id = :community_id
    """
)


class SurchargesIn(Body):
    """What a way costs beyond its distance: by night, in bad weather, and for each floor climbed on foot."""

    night_fen = Fen(high=SURCHARGE_FEN_MAX, required=True)
    weather_fen = Fen(high=SURCHARGE_FEN_MAX, required=True)
    floor_fen = Fen(high=SURCHARGE_FEN_MAX, required=True)


class SurchargesOut(SurchargesIn):
    """What ways to a community cost beyond their distance."""

    community_id = Id(required=True)


def add_surcharges(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/communities/<uuid:community_id>/delivery-surcharges", answer=SurchargesOut)
    @policy("dispatch.read", Relation.PLATFORM)
    def read_surcharges(_actor: Actor, *, community_id: UUID) -> dict[str, Any]:
        """Read what ways to a community cost beyond their distance; nothing where nobody said so."""
        row = read(_READ, {"community_id": community_id}).one_or_none()
        if row is None:
            raise CommunityNotFound
        return dict(row._mapping)

    @door.put(
        "/communities/<uuid:community_id>/delivery-surcharges", body=SurchargesIn, answer=SurchargesOut, once=True
    )
    @policy("dispatch.write", Relation.PLATFORM)
    def put_surcharges(actor: Actor, *, claim: Claim, community_id: UUID, body: dict[str, Any]) -> SurchargesSet:
        """Say what ways to a community cost from now on; the weather switch is that of its courier tariff."""
        return set_surcharges(actor, claim, community_id=community_id, rates=SurchargeRates(**body))
