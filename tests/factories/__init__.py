"""Factories that read as English. They commit for real and bring their own world; call them inside the application's
context (any test that takes ``app`` or ``client``).
"""

from tests.factories.orders import AnOrder, a_placed_checkout, a_quote_of, an_order
from tests.factories.people import (
    Person,
    a_claim,
    a_courier,
    a_grant,
    a_phone,
    a_pin,
    a_resident,
    a_store_clerk,
    an_address,
    an_operator,
    as_courier,
    as_merchant,
    as_platform,
    as_store,
    as_user,
    idempotent,
)
from tests.factories.places import Community, a_community
from tests.factories.shops import Offer, Shop, a_merchant_with_shop, a_paper, an_offer

__all__ = [
    "AnOrder",
    "Community",
    "Offer",
    "Person",
    "Shop",
    "a_claim",
    "a_community",
    "a_courier",
    "a_grant",
    "a_merchant_with_shop",
    "a_paper",
    "a_phone",
    "a_pin",
    "a_placed_checkout",
    "a_quote_of",
    "a_resident",
    "a_store_clerk",
    "an_address",
    "an_offer",
    "an_operator",
    "an_order",
    "as_courier",
    "as_merchant",
    "as_platform",
    "as_store",
    "as_user",
    "idempotent",
]
