"""How a community's trips find their couriers, set by an operator. Each change is a row; none is overwritten."""

from dataclasses import dataclass
from uuid import UUID

from app.core.communities.errors import CommunityNotFound
from app.core.delivery.states import DispatchMode
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, closing, opening, transaction

_LOCK_COMMUNITY = opening(
    "SELECT community_id FROM communities "
    "WHERE community_id = :community_id AND merged_into_id IS NULL FOR NO KEY UPDATE"
)
_SET = closing(
    """
    added AS (
        INSERT INTO dispatch_modes (community_id, set_at, mode, set_by_id)
        VALUES (:community_id, business_now(), :mode, :set_by_id)
        ON CONFLICT (community_id, set_at) DO UPDATE SET mode = excluded.mode, set_by_id = excluded.set_by_id
    )"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeSet:
    """What setting the mode answers."""

    community_id: UUID
    mode: str


def set_mode(actor: Actor, claim: Claim, *, community_id: UUID, mode: DispatchMode) -> ModeSet:
    """Let a community's trips be claimed, offered, or both, from now on. What is offered already stays offered.

    :raises CommunityNotFound: there is none.
    """
    with transaction(claim) as tx:
        if tx.open_one(_LOCK_COMMUNITY, {"community_id": community_id}) is None:
            raise CommunityNotFound
        moved = ModeSet(community_id=community_id, mode=mode.value)
        tx.keep(moved)
        tx.close(_SET, {"community_id": community_id, "mode": mode.value, "set_by_id": actor.account_id})
    return moved
