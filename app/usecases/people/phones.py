"""Phone numbers (手机号): one form for all of them, and the blind index by which an account is found."""

import phonenumbers

from app.core.accounts.errors import PhoneInvalid
from app.kernel.sealing import blind_index

PHONE_CONTEXT = "accounts.phone"


def normalize_phone(phone: str, *, pointer: str = "/phone") -> str:
    """Return ``phone`` in E.164.

    :raises PhoneInvalid: it is no mainland number that can receive a text message.
    """
    try:
        parsed = phonenumbers.parse(phone, "CN")
    except phonenumbers.NumberParseException:
        raise PhoneInvalid(pointer=pointer) from None
    is_mobile = phonenumbers.number_type(parsed) == phonenumbers.PhoneNumberType.MOBILE
    if parsed.country_code != 86 or not is_mobile or not phonenumbers.is_valid_number(parsed):  # noqa: PLR2004 - China
        raise PhoneInvalid(pointer=pointer)
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def phone_index(number: str) -> bytes:
    """Return the blind index of a number in E.164."""
    return blind_index(number, context=PHONE_CONTEXT)
