"""Pure rules of vouchers: what a use is worth, and what becomes of the order."""

from dataclasses import dataclass

USES_MAX = 100
VALID_DAYS_MAX = 1_095
QUANTITY_MAX = 99
CODE_DIGITS = 16
"""Ten million billions of codes: nobody comes by one of a few millions by trying."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherTerms:
    """How often a voucher can be used, and for how many days from its purchase."""

    uses: int = 1
    valid_days: int = 90


def use_fen(value_left_fen: int, uses_left: int) -> int:
    """Return what one of ``uses_left`` uses releases of what a voucher holds; the last one takes all that is left."""
    assert uses_left > 0, "a use of what has uses left"
    assert value_left_fen >= 0, "what a voucher holds is not below zero"
    return -(-value_left_fen // uses_left)
