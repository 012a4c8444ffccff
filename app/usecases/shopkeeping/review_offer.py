"""The platform looks at an offer of a new shop or a sensitive category before it is sold."""

from uuid import UUID

from app.core.catalog.errors import OfferNotFound, OfferNotInReview
from app.core.catalog.models import OfferState
from app.core.events import OfferReviewed
from app.core.papers.errors import OwnPaper
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, closing, opening, transaction
from app.usecases.shopkeeping.skus import OfferChanged

_LOCK = opening(
    """
    SELECT f.offer_id, f.shop_id, f.state, f.is_paused_after_review, EXISTS (
        SELECT 1 FROM memberships AS m WHERE m.account_id = :account_id AND m.organization_kind = 'merchant'
            AND m.organization_id = s.merchant_id) AS is_own
    FROM offers AS f JOIN shops AS s ON s.shop_id = f.shop_id
    WHERE f.offer_id = :offer_id AND f.state <> 'removed' FOR UPDATE OF f
    """
)
_REVIEWED = closing(
    "reviewed AS (UPDATE offers SET state = :state, refusal = CAST(:reason AS text) WHERE offer_id = :offer_id)"
)


def review_offer(actor: Actor, claim: Claim, *, offer_id: UUID, is_approved: bool, reason: str | None) -> OfferChanged:
    """Let an offer be sold, or refuse it with a reason. What its merchant had paused is paused.

    :raises OfferNotFound: there is none. :raises OfferNotInReview: nobody asks about it.
    :raises OwnPaper: the reviewer belongs to the merchant.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK, {"offer_id": offer_id, "account_id": actor.account_id})
        if row is None:
            raise OfferNotFound
        if row.is_own:
            raise OwnPaper
        if row.state != OfferState.IN_REVIEW:
            raise OfferNotInReview(state=row.state)
        approved = OfferState.PAUSED if row.is_paused_after_review else OfferState.ON_SALE
        state = approved if is_approved else OfferState.REFUSED
        changed = OfferChanged(offer_id=offer_id, state=state.value)
        tx.record(OfferReviewed(shop_id=row.shop_id, offer_id=offer_id, state=state.value))
        tx.keep(changed)
        tx.close(_REVIEWED, {"offer_id": offer_id, "state": state.value, "reason": None if is_approved else reason})
    return changed
