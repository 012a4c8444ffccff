"""What can be wrong with vouchers."""

from app.kernel.errors import Conflict, Invalid, NotFound


class VoucherNotFound(NotFound):
    """No such voucher, or not one of yours."""

    code = "voucher_not_found"
    title = "Voucher not found"


class VoucherUnknown(Invalid):
    """No voucher of this shop has the code; another shop's looks the same on purpose."""

    code = "voucher_unknown"
    title = "No voucher of this shop has this code"


class VoucherSpent(Conflict):
    """The voucher cannot be used any more; parameter ``state``."""

    code = "voucher_spent"
    title = "The voucher cannot be used any more"


class UsesDiffer(Conflict):
    """Another use was faster; parameter ``uses_left``."""

    code = "uses_differ"
    title = "The voucher was used in between"


class VoucherSold(Conflict):
    """Vouchers and services are bought on their own, not in a cart."""

    code = "not_sold_this_way"
    title = "This is not sold this way"


class PriceChanged(Conflict):
    """The price is another than the one that was agreed to; parameter ``unit_price_fen`` is the new one."""

    code = "price_changed"
    title = "The price has changed"
