"""What a SKU is to carry: its weight, and whether it has to stay cold. Trips that are born later reckon with it."""

from dataclasses import dataclass
from uuid import UUID

from app.core.catalog.errors import SkuNotFound
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, closing, opening, transaction

_LOCK = opening(
    """
    SELECT k.sku_id FROM skus AS k JOIN shops AS s ON s.shop_id = k.shop_id
    JOIN memberships AS m ON m.organization_id = s.merchant_id AND m.organization_kind = 'merchant'
        AND m.role = ANY (CAST(:roles AS text[]))
    WHERE m.account_id = :account_id AND k.sku_id = :sku_id AND k.shop_id = :shop_id FOR UPDATE OF k
    """
)
_SET = closing("said AS (UPDATE skus SET weight_g = :weight_g, is_cold = :is_cold WHERE sku_id = :sku_id)")


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriageSet:
    """What is reckoned with from now on."""

    sku_id: UUID
    weight_g: int
    is_cold: bool


def set_carriage(
    actor: Actor, claim: Claim, *, shop_id: UUID, sku_id: UUID, weight_g: int, is_cold: bool
) -> CarriageSet:
    """Say what one piece weighs, grams, and whether it must not get warm on the way.

    :raises SkuNotFound: there is none of the actor's shop.
    """
    with transaction(claim) as tx:
        if tx.open_one(_LOCK, {"shop_id": shop_id, "sku_id": sku_id, **actor.as_member}) is None:
            raise SkuNotFound
        said = CarriageSet(sku_id=sku_id, weight_g=weight_g, is_cold=is_cold)
        tx.keep(said)
        tx.close(_SET, {"sku_id": sku_id, "weight_g": weight_g, "is_cold": is_cold})
    return said
