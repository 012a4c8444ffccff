"""What can be wrong with a cart, a checkout or an order."""

from app.kernel.errors import Conflict, Invalid, NotFound


class OrderNotFound(NotFound):
    """No such order, or not one of yours; the two look the same on purpose."""

    code = "order_not_found"
    title = "Order not found"


class CheckoutNotFound(NotFound):
    """No such checkout, or not one of yours."""

    code = "checkout_not_found"
    title = "Checkout not found"


class CartEmpty(Conflict):
    """There is nothing in the cart to buy."""

    code = "cart_empty"
    title = "The cart is empty"


class CartTooLarge(Conflict):
    """The cart would hold more lines than allowed; parameter ``lines_max``."""

    code = "cart_too_large"
    title = "The cart holds too many lines"


class OfferGone(Conflict):
    """A line's offer is no longer on sale; parameters ``sku_id``, ``offer_name``."""

    code = "offer_gone"
    title = "An offer is no longer on sale"


class OfferNotDeliverable(Conflict):
    """Services and vouchers are not carried by a courier; parameter ``sku_id``."""

    code = "offer_not_deliverable"
    title = "This offer cannot be delivered"


class OfferNotNow(Conflict):
    """The offer is not sold at this hour; parameters ``sku_id``, ``offer_name``."""

    code = "offer_not_now"
    title = "Not sold at this hour"


class AdultsOnly(Conflict):
    """Alcohol and tobacco are sold to adults only, and the account does not prove one.

    Parameters ``sku_id``, ``offer_name``.
    Source: 《未成年人保护法》第五十九条.
    """

    code = "adults_only"
    title = "For adults only"


class QuantityOverCap(Conflict):
    """More than one person may buy of it; parameters ``sku_id``, ``quantity_max``."""

    code = "quantity_over_cap"
    title = "More than may be bought"


class SoldOut(Conflict):
    """Not enough is left; parameters ``sku_id``, ``left``."""

    code = "sold_out"
    title = "Not enough is left"


class ShopClosed(Conflict):
    """The shop takes no orders now; parameter ``shop_id``."""

    code = "shop_closed"
    title = "The shop is closed"


class LicenseExpired(Conflict):
    """The shop's license has run out, so it may not sell; parameter ``shop_id``."""

    code = "license_expired"
    title = "The shop's license has expired"


class OutsideArea(Conflict):
    """The shop does not deliver to this address; parameters ``shop_id``, ``distance_m``, ``radius_m``."""

    code = "outside_area"
    title = "The address is outside the delivery area"


class BelowMinimum(Conflict):
    """The goods of one shop stay below its minimum order; parameters ``shop_id``, ``minimum_fen``, ``goods_fen``."""

    code = "below_minimum"
    title = "Below the minimum order"


class DeliverySlotGone(Conflict):
    """The shop does not deliver in this slot, or no longer; parameters ``shop_id``, ``slot_starts_at``."""

    code = "delivery_slot_gone"
    title = "The slot is gone"


class DeliverySlotFull(Conflict):
    """Others have taken all places of the slot; parameters ``shop_id``, ``slot_starts_at``."""

    code = "delivery_slot_full"
    title = "The slot is full"


class SlotOfNoShop(Invalid):
    """A slot is named twice for one shop, for a shop that the cart buys nothing from, or for what nobody delivers."""

    code = "slot_of_no_shop"
    title = "A slot that no part of the cart is for"


class NoteOfNoShop(Invalid):
    """A note is named twice for one shop, or for a shop that the cart buys nothing from."""

    code = "note_of_no_shop"
    title = "A note to no shop"


class TooEarlyForSlot(Conflict):
    """The order is for a later slot, and nobody would fetch it yet; parameter ``ready_from_at``."""

    code = "too_early_for_slot"
    title = "Too early for its slot"


class QuoteChanged(Conflict):
    """The cart, a price, a fee or what can be had changed since the quote.

    Parameter ``changes`` says field by field what was and what is now, ``refusals`` what cannot be bought now and why;
    both are None for a quote that is not one of the last that were told to this resident. ``total_fen`` and
    ``quote_version`` are the new ones, None where the cart cannot be bought as it is.
    """

    code = "quote_changed"
    title = "The price has changed"


class CancelWindowPassed(Conflict):
    """The order can no longer be canceled freely; the shop can be asked to let it go."""

    code = "cancel_window_passed"
    title = "The order can no longer be canceled freely"


class CancelNotRequested(Conflict):
    """There is no open request to cancel."""

    code = "cancel_not_requested"
    title = "Nobody asked to cancel"


class NotPreparing(Conflict):
    """The shop is not preparing the order: not yet, or no longer."""

    code = "not_preparing"
    title = "The order is not being prepared"


class LineNotFound(Invalid):
    """The order has no such line, or it is refunded already; parameter ``line``."""

    code = "line_not_found"
    title = "No such line"


class WrongCode(Conflict):
    """The code shown is not this order's; parameter ``tries_left``."""

    code = "wrong_code"
    title = "The code is wrong"


class CodeLocked(Conflict):
    """Too many wrong codes; the experience store or support has to help."""

    code = "code_locked"
    title = "Too many wrong codes"
