"""Staff of a store visit a shop by the checklist, on the spot; the platform looks into what is grave."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import orjson

from app.core.catalog.errors import ShopNotFound
from app.core.visiting.checklist import Answer, failed_points
from app.core.visiting.errors import OffTheSpot, OwnShop, ShopVisitNotFound
from app.core.visiting.rules import SPOT_M_MAX
from app.core.visiting.states import SHOP_VISIT_TRANSITIONS, ShopVisitAction, ShopVisitState
from app.kernel.actor import Actor
from app.kernel.geo import distance_m
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.transaction import Claim, closing, opening, transaction

_SHOP = opening(
    """
    SELECT s.shop_id, s.lat, s.lng, c.store_id, EXISTS (SELECT 1 FROM memberships AS o
            WHERE o.account_id = :account_id AND o.organization_kind = 'merchant'
              AND o.organization_id = s.merchant_id) AS is_own
    FROM shops AS s JOIN communities AS c ON c.community_id = s.community_id
    JOIN memberships AS m ON m.organization_id = c.store_id AND m.organization_kind = 'store'
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
    WHERE s.shop_id = :shop_id AND s.state <> 'draft' FOR SHARE OF m
    """
)
_RECORD = closing(
    """
    visited AS (
        INSERT INTO shop_visits (shop_visit_id, store_id, shop_id, clerk_id, checklist_version, answers, failed_count,
            note, state, visited_at)
        VALUES (:shop_visit_id, :store_id, :shop_id, :clerk_id, :checklist_version, CAST(:answers AS jsonb),
            :failed_count, CAST(:note AS text), :state, business_now())
    )"""
)
_LOCK = opening(
    "SELECT shop_visit_id, shop_id, clerk_id, failed_count, state FROM shop_visits "
    "WHERE shop_visit_id = :shop_visit_id AND state <> 'recorded' FOR UPDATE"
)
_CLOSE = closing(
    """
    closed AS (
        UPDATE shop_visits SET state = :state, outcome = :outcome, closed_by_id = :account_id,
            closed_at = business_now()
        WHERE shop_visit_id = :shop_visit_id
    )"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopVisitStands:
    """Where a visit to a shop stands, and how many points failed."""

    shop_visit_id: UUID
    shop_id: UUID
    failed_count: int
    state: str


def record_visit(  # what a visit finds
    actor: Actor,
    claim: Claim,
    *,
    shop_id: UUID,
    checklist_version: int,
    answers: Mapping[str, Answer],
    note: str | None,
    opens_review: bool,
    lat: float,
    lng: float,
) -> ShopVisitStands:
    """Record what was found in a shop of the catchment. What failed and is grave opens a review, or on wish.

    :raises ShopNotFound: none in the catchment of the actor's store. :raises OwnShop: the actor belongs to it.
    :raises OffTheSpot: the actor is not there. :raises ChecklistOutdated: by an older checklist, or none.
    :raises AnswersInvalid: not each point has its answer.
    """
    failed = failed_points(checklist_version, answers)
    with transaction(claim) as tx:
        row = tx.open_one(_SHOP, {**actor.as_member, "shop_id": shop_id})
        if row is None:
            raise ShopNotFound(pointer="/shop_id")
        if row.is_own:
            raise OwnShop
        meters = distance_m(lat, lng, row.lat, row.lng)
        if meters > SPOT_M_MAX:
            raise OffTheSpot(pointer="/lat", distance_m=meters, distance_m_max=SPOT_M_MAX)
        state = ShopVisitState.RECORDED
        if failed and (opens_review or any(point.is_grave for point in failed)):
            state = next_state(SHOP_VISIT_TRANSITIONS, state, ShopVisitAction.SEND_ON, actor.role)
        stands = ShopVisitStands(
            shop_visit_id=new_id(),
            shop_id=shop_id,
            failed_count=len(failed),
            state=state.value,
        )
        tx.keep(stands)
        tx.close(
            _RECORD,
            {
                "shop_visit_id": stands.shop_visit_id,
                "store_id": row.store_id,
                "shop_id": shop_id,
                "clerk_id": actor.account_id,
                "checklist_version": checklist_version,
                "answers": orjson.dumps({code: answer.value for code, answer in answers.items()}).decode(),
                "failed_count": stands.failed_count,
                "note": note,
                "state": stands.state,
            },
        )
    return stands


def close_visit(actor: Actor, claim: Claim, *, shop_visit_id: UUID, outcome: str) -> ShopVisitStands:
    """Say what came of the findings of a visit, and close it.

    :raises ShopVisitNotFound: none whose findings wait or waited. :raises IllegalTransition: it is closed.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK, {"shop_visit_id": shop_visit_id})
        if row is None:
            raise ShopVisitNotFound
        state = next_state(SHOP_VISIT_TRANSITIONS, ShopVisitState(row.state), ShopVisitAction.CLOSE, actor.role)
        stands = ShopVisitStands(
            shop_visit_id=shop_visit_id, shop_id=row.shop_id, failed_count=row.failed_count, state=state.value
        )
        tx.describe(whom_id=row.clerk_id)
        tx.keep(stands)
        about = {"state": state.value, "outcome": outcome, "account_id": actor.account_id}
        tx.close(_CLOSE, {"shop_visit_id": shop_visit_id, **about})
    return stands
