"""Switches and announcements of the platform."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.core.communities.errors import CommunityNotFound
from app.core.operating.errors import AnnouncementInvalid, WorkNotFound
from app.core.operating.switches import Feature
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.transaction import Claim, closing, opening, transaction
from app.usecases.operating.telling import TELL, Message, telling

ANNOUNCED_MAX = timedelta(days=90)

_NOW = opening(
    """
    SELECT business_now() AS now, CAST(:community_id AS uuid) IS NULL OR EXISTS (
        SELECT 1 FROM communities WHERE community_id = CAST(:community_id AS uuid)
          AND merged_into_id IS NULL) AS is_place
    """
)
_SWITCH = closing(
    """
    made AS (
        INSERT INTO feature_changes (change_id, feature, is_on, why, set_by_id, set_at)
        VALUES (:change_id, :feature, :is_on, :why, :account_id, business_now())
    )"""
)
_ANNOUNCE = closing(TELL)
_LOCK = opening(
    """
    SELECT announcement_id FROM announcements WHERE announcement_id = :announcement_id AND withdrawn_at IS NULL
    FOR UPDATE
    """
)
_WITHDRAW = closing(
    "gone AS (UPDATE announcements SET withdrawn_at = business_now() WHERE announcement_id = :announcement_id)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSet:
    """Where a switch stands."""

    change_id: UUID
    feature: str
    is_on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """An announcement, and whether it is told."""

    announcement_id: UUID
    state: str


def set_feature(actor: Actor, claim: Claim, *, feature: Feature, is_on: bool, why: str) -> FeatureSet:
    """Switch a feature on or off, everywhere, with the next request."""
    with transaction(claim) as tx:
        tx.open_one(_NOW, {"community_id": None})
        made = FeatureSet(change_id=new_id(), feature=feature.value, is_on=is_on)
        tx.describe(why=why, details={"feature": feature.value, "is_on": is_on})
        tx.keep(made)
        params = {"change_id": made.change_id, "feature": feature.value, "is_on": is_on}
        tx.close(_SWITCH, {**params, "why": why, "account_id": actor.account_id})
    return made


def announce(
    actor: Actor,
    claim: Claim,
    *,
    community_id: UUID | None,
    message: Message,
    from_at: datetime,
    until_at: datetime,
) -> Announced:
    """Tell a community something, or all of them.

    :raises CommunityNotFound: there is none. :raises AnnouncementInvalid: its time is not possible.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_NOW, {"community_id": community_id})
        assert row is not None, "one row, always"
        if not row.is_place:
            raise CommunityNotFound(pointer="/community_id")
        if not from_at < until_at <= from_at + ANNOUNCED_MAX or until_at <= row.now:
            raise AnnouncementInvalid(pointer="/until_at", days_max=ANNOUNCED_MAX.days)
        made = Announced(announcement_id=new_id(), state="announced")
        tx.keep(made)
        told = telling(actor, message, {made.announcement_id: community_id}, from_at=from_at, until_at=until_at)
        tx.close(_ANNOUNCE, told)
    return made


def withdraw_announcement(_actor: Actor, claim: Claim, *, announcement_id: UUID) -> Announced:
    """Stop telling it.

    :raises WorkNotFound: there is none, or it was withdrawn.
    """
    with transaction(claim) as tx:
        if tx.open_one(_LOCK, {"announcement_id": announcement_id}) is None:
            raise WorkNotFound
        gone = Announced(announcement_id=announcement_id, state="withdrawn")
        tx.keep(gone)
        tx.close(_WITHDRAW, {"announcement_id": announcement_id})
    return gone
