"""What a way costs residents of a community beyond its distance, set by an operator. Each change is a row.

A quote that was told before says in its version that it is an older one; an order keeps what it was placed with.
"""

from dataclasses import asdict, dataclass
from uuid import UUID

from app.core.communities.errors import CommunityNotFound
from app.core.orders.surcharges import SurchargeRates
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, closing, opening, transaction

_LOCK_COMMUNITY = opening(
    "SELECT community_id FROM communities "
    "WHERE community_id = :community_id AND merged_into_id IS NULL FOR NO KEY UPDATE"
)
_SET = closing(
    """
    added AS (
        INSERT INTO delivery_surcharges (community_id, set_at, night_fen, weather_fen, floor_fen, set_by_id)
        VALUES (:community_id, business_now(), :night_fen, :weather_fen, :floor_fen, :set_by_id)
        ON CONFLICT (community_id, set_at) DO UPDATE SET night_fen = excluded.night_fen,
            weather_fen = excluded.weather_fen, floor_fen = excluded.floor_fen, set_by_id = excluded.set_by_id
    )"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SurchargesSet:
    """What setting the rates answers."""

    community_id: UUID
    night_fen: int
    weather_fen: int
    floor_fen: int


def set_surcharges(actor: Actor, claim: Claim, *, community_id: UUID, rates: SurchargeRates) -> SurchargesSet:
    """Let ways to a community cost ``rates`` beyond their distance from now on.

    :raises CommunityNotFound: there is none.
    """
    with transaction(claim) as tx:
        if tx.open_one(_LOCK_COMMUNITY, {"community_id": community_id}) is None:
            raise CommunityNotFound
        moved = SurchargesSet(community_id=community_id, **asdict(rates))
        tx.keep(moved)
        tx.close(_SET, {**asdict(moved), "set_by_id": actor.account_id})
    return moved
