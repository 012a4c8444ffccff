"""Barcodes (GTIN, 条码): EAN-13 and EAN-8 with their check digit, and the numbers that a shop gives itself. Pure.

Source: GS1 General Specifications (check digit; prefixes 020–029 and 2 are for restricted circulation), GB 12904.
"""

from app.core.catalog.errors import BarcodeInvalid

_LENGTHS = frozenset({8, 13})


def check_digit(body: str) -> str:
    """Return the last digit of the EAN-8 or EAN-13 that begins with ``body`` (7 or 12 digits)."""
    total = sum(int(digit) * (1 if place % 2 else 3) for place, digit in enumerate(reversed(body)))
    return str(-total % 10)


def is_sound(barcode: str) -> bool:
    """Say whether ``barcode`` is an EAN-8 or EAN-13 whose check digit agrees."""
    if len(barcode) not in _LENGTHS or not (barcode.isascii() and barcode.isdigit()):
        return False
    return check_digit(barcode[:-1]) == barcode[-1]


def read_barcode(barcode: str | None, *, pointer: str = "/barcode") -> str | None:
    """Return ``barcode`` when it is one, or None for none.

    :raises BarcodeInvalid: neither EAN-8 nor EAN-13, or its check digit does not agree.
    """
    if barcode is None:
        return None
    if not is_sound(barcode):
        raise BarcodeInvalid(pointer=pointer)
    return barcode


def is_in_store(barcode: str) -> bool:
    """Say whether a shop gave the number to itself (店内码 20–29): it means nothing in another shop."""
    return barcode.startswith("2")
