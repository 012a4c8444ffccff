"""What can be wrong with shops and shelves."""

from app.kernel.errors import Invalid, NotFound


class ShopNotFound(NotFound):
    """No such shop, or none that you may see."""

    code = "shop_not_found"
    title = "Shop not found"


class OfferNotFound(NotFound):
    """No such offer, or none of your shop."""

    code = "offer_not_found"
    title = "Offer not found"


class SkuNotFound(NotFound):
    """No such SKU on sale."""

    code = "sku_not_found"
    title = "Item not found"


class HoursInvalid(Invalid):
    """Opening hours must be ordered, not overlapping, per weekday."""

    code = "hours_invalid"
    title = "Opening hours are not in order"
