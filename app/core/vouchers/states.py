"""The machine of a voucher: who may move it from where to where."""

from enum import StrEnum

from app.kernel.actor import Role
from app.kernel.machines import Table


class VoucherState(StrEnum):
    """Where a voucher stands (券码)."""

    ISSUED = "issued"
    USED = "used"
    REFUNDED = "refunded"
    EXPIRED = "expired"


class VoucherAction(StrEnum):
    """What can happen to a voucher."""

    USE = "use"
    USE_LAST = "use_last"
    REFUND = "refund"
    EXPIRE = "expire"


FINAL_VOUCHER_STATES = frozenset({VoucherState.USED, VoucherState.REFUNDED, VoucherState.EXPIRED})

VOUCHER_TRANSITIONS: Table[VoucherState, VoucherAction] = {
    (VoucherState.ISSUED, VoucherAction.USE): (VoucherState.ISSUED, frozenset({Role.MERCHANT})),
    (VoucherState.ISSUED, VoucherAction.USE_LAST): (VoucherState.USED, frozenset({Role.MERCHANT})),
    (VoucherState.ISSUED, VoucherAction.REFUND): (VoucherState.REFUNDED, frozenset({Role.RESIDENT})),
    (VoucherState.ISSUED, VoucherAction.EXPIRE): (VoucherState.EXPIRED, frozenset({Role.SYSTEM})),
}
"""What was not used is refunded: on a word at any time, and by itself at the end of its days."""
