"""Say whether an offer can be sent back without a reason (七天无理由); orders keep what held when they were placed."""

from dataclasses import dataclass
from uuid import UUID

from app.core.aftersale.rules import Exclusion
from app.core.catalog.errors import OfferNotFound
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, closing, opening, transaction

_LOCK = opening(
    """
    SELECT f.offer_id FROM offers AS f
    JOIN shops AS s ON s.shop_id = f.shop_id
    JOIN memberships AS m ON m.organization_id = s.merchant_id AND m.organization_kind = 'merchant'
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
    WHERE f.shop_id = :shop_id AND f.offer_id = :offer_id AND f.state <> 'removed' FOR UPDATE OF f
    """
)
_SET = closing(
    """
    ruled AS (UPDATE offers SET return_exclusion = CAST(:return_exclusion AS text) WHERE offer_id = :offer_id)"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnRule:
    """What holds for an offer."""

    offer_id: UUID
    return_exclusion: str | None


def set_return_rule(
    actor: Actor, claim: Claim, *, shop_id: UUID, offer_id: UUID, return_exclusion: Exclusion | None
) -> ReturnRule:
    """Exclude an offer from returns without a reason, or no longer.

    :raises OfferNotFound: it is not on a shelf of the actor's.
    """
    with transaction(claim) as tx:
        if tx.open_one(_LOCK, {"shop_id": shop_id, "offer_id": offer_id, **actor.as_member}) is None:
            raise OfferNotFound
        rule = ReturnRule(
            offer_id=offer_id, return_exclusion=None if return_exclusion is None else return_exclusion.value
        )
        tx.keep(rule)
        tx.close(_SET, {"offer_id": offer_id, "return_exclusion": rule.return_exclusion})
    return rule
