"""What can be wrong with shops and shelves."""

from app.kernel.errors import Conflict, Invalid, NotFound
from app.kernel.polygons import AREA_M2_MIN


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
    """Opening hours must be ordered, not overlapping, per day that there is; a night is two spans."""

    code = "hours_invalid"
    title = "Opening hours are not in order"


class BarcodeInvalid(Invalid):
    """Neither EAN-13 nor EAN-8, or its check digit does not agree."""

    code = "barcode_invalid"
    title = "The barcode is not valid"


class CategoryNotFound(Invalid):
    """No category of the shop's vertical has this code."""

    code = "category_not_found"
    title = "No such category"


class AttributesInvalid(Invalid):
    """An attribute is not one of the category's, has another kind of value, or a needed one is lacking.

    Parameter ``key``.
    """

    code = "attributes_invalid"
    title = "The attributes do not fit the category"


class StockReserved(Conflict):
    """Orders hold pieces of the counted stock, so it cannot become uncounted now; parameter ``reserved``."""

    code = "stock_reserved"
    title = "Orders hold pieces of this stock"


class LastSku(Conflict):
    """An offer keeps at least one SKU; remove the offer instead."""

    code = "last_sku"
    title = "This is the offer's only item"


class TooManySkus(Conflict):
    """The offer has as many SKUs as one may have; parameter ``skus_max``."""

    code = "too_many_skus"
    title = "The offer has too many items"


class ProductNotFound(NotFound):
    """No standard product has this id or barcode."""

    code = "product_not_found"
    title = "No such standard product"


class PriceAlertNotFound(NotFound):
    """The person does not watch this product."""

    code = "price_alert_not_found"
    title = "No such price alert"


class TooManyPriceAlerts(Conflict):
    """The person watches as many products as one may; parameter ``alerts_max``."""

    code = "too_many_price_alerts"
    title = "Too many price alerts"


class ProductTwice(Invalid):
    """A basket names each product once, with its number of pieces."""

    code = "product_twice"
    title = "A product is named twice"


class FileTooLarge(Invalid):
    """The file is larger than is taken, packed or unpacked; parameter ``bytes_max``."""

    code = "file_too_large"
    title = "The file is too large"


class FileUnreadable(Invalid):
    """Neither CSV in UTF-8 or GBK nor XLSX, or broken."""

    code = "file_unreadable"
    title = "The file cannot be read"


class ColumnsLacking(Invalid):
    """The first row does not name the columns that are needed; parameter ``columns``."""

    code = "columns_lacking"
    title = "Columns are lacking"


class ColumnsRepeated(Invalid):
    """The first row names a column twice; parameter ``columns``."""

    code = "columns_repeated"
    title = "Columns are there twice"


class TooManyRows(Invalid):
    """The file has more rows than are taken at once; parameter ``rows_max``."""

    code = "too_many_rows"
    title = "The file has too many rows"


class ShelfPartNotFound(NotFound):
    """The shelf's file has ``part_count`` parts, not as many as was asked for."""

    code = "shelf_part_not_found"
    title = "The shelf has no such part"


class ImportNotFound(NotFound):
    """No such import, or none of your shops."""

    code = "import_not_found"
    title = "Import not found"


class ImportRunning(Conflict):
    """Another import of the shop waits or runs."""

    code = "import_running"
    title = "Another import is under way"


class ImportEnded(Conflict):
    """The import has ended, so there is nothing to give up; parameter ``state``."""

    code = "import_ended"
    title = "The import has ended"


class ImportFailed(Conflict):
    """An import could not be brought to its end, by no fault of its file."""

    code = "import_failed"
    title = "The import failed"


class ProductDiffers(Conflict):
    """Name, brand and content do not read as those of that standard product."""

    code = "product_differs"
    title = "That is another product"


class OfferNotInReview(Conflict):
    """Nobody asks for a look at the offer; parameter ``state``."""

    code = "offer_not_in_review"
    title = "The offer is not in review"


class SkuNotInShop(Invalid):
    """A change names a SKU that is not the shop's, or one twice."""

    code = "sku_not_in_shop"
    title = "Not an item of this shop"


class ShopsDiffer(Conflict):
    """Shops of different verticals have different shelves."""

    code = "shops_differ"
    title = "The shops are of different kinds"


class ShopTheSame(Invalid):
    """A shelf is copied to another shop."""

    code = "shop_the_same"
    title = "It is the same shop"


class ShelfTooLarge(Conflict):
    """More SKUs than are copied at once; parameter ``skus_max``."""

    code = "shelf_too_large"
    title = "The shelf is too large"


class AreaInvalid(Invalid):
    """No polygon or place that a shop can have; parameter ``reason``: corners, crossing, empty, abroad, too_far.

    ``empty`` is less ground than ``area_m2_min``, which is told with every reason.
    """

    code = "area_invalid"
    title = "The delivery area is not possible"

    def __init__(self, *, pointer: str, reason: str) -> None:
        super().__init__(pointer=pointer, reason=reason, area_m2_min=int(AREA_M2_MIN))


class TermsInvalid(Invalid):
    """A radius and an area at once, tiers that do not rise, or a discount that is not below its threshold."""

    code = "terms_invalid"
    title = "The terms do not fit together"


class TooManyDrafts(Conflict):
    """As many shops as one person may have that are not open yet; parameter ``drafts_max``."""

    code = "too_many_drafts"
    title = "Too many shops are not open yet"


class ShopNotReady(Conflict):
    """Something that a shop needs to open is lacking; parameter ``lacking``."""

    code = "shop_not_ready"
    title = "The shop is not ready"


class PictureInvalid(Invalid):
    """Not a picture that is taken; parameter ``reason``: type, size, broken."""

    code = "picture_invalid"
    title = "The picture cannot be used"


class PictureNotFound(NotFound):
    """No such picture."""

    code = "picture_not_found"
    title = "Picture not found"


class TooManyPictures(Conflict):
    """The offer has as many pictures as one may have; parameter ``pictures_max``."""

    code = "too_many_pictures"
    title = "The offer has too many pictures"
