"""Fields and the one base schema: unknown fields refused, integers strict, text bounded and clean.

A refusal is a message key with parameters (``"field_too_long|max=20"``); :mod:`app.web.messages` has the words.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, ClassVar
from uuid import UUID

from marshmallow import RAISE, Schema, ValidationError, fields, validates_schema

from app.kernel.marks import clean, is_one_line
from app.kernel.money import FEN_MAX

BIGINT_MAX = 2**63 - 1
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_COMMON: dict[str, Any] = {"required": "field_required", "null": "field_null", "validator_failed": "field_invalid"}


class Body(Schema):
    """Base of every schema, in and out."""

    error_messages: dict[str, str] = {"unknown": "field_unknown", "type": "field_not_object"}

    is_query: ClassVar[bool] = False

    class Meta:
        """Refuse what was not asked for."""

        unknown = RAISE


class Query(Body):
    """Base of the schemas of query strings, where integers, flags and numbers are written as text."""

    is_query: ClassVar[bool] = True

    spans: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Pairs of fields, the first of which may not lie above the second."""

    @validates_schema(skip_on_field_errors=True)
    def spans_are_in_order(self, given: dict[str, Any], **_kwargs: object) -> None:
        """Refuse what nothing can lie within, rather than to find nothing."""
        for low, high in self.spans:
            if given[low] is not None and given[high] is not None and given[low] > given[high]:
                message = f"field_not_above|other={high}"
                raise ValidationError(message, low)


def _is_query(field: fields.Field[Any]) -> bool:
    return isinstance(field.root, Query)


class Int(fields.Integer):
    """A JSON integer between bounds: ``true``, ``"1"`` and ``1.0`` are refused."""

    default_error_messages: dict[str, Any] = {**_COMMON, "invalid": "field_not_integer"}

    def __init__(self, *, low: int, high: int, **kwargs: Any) -> None:
        super().__init__(
            strict=True, metadata={"minimum": low, "maximum": high, **kwargs.pop("metadata", {})}, **kwargs
        )
        self.low, self.high = low, high

    def _deserialize(self, value: object, attr: str | None, data: Mapping[str, Any] | None, **_kwargs: object) -> int:
        if _is_query(self) and isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value):
            value = int(value)
        if type(value) is not int:
            raise self.make_error("invalid")
        if not self.low <= value <= self.high:
            message = f"field_out_of_range|min={self.low}|max={self.high}"
            raise ValidationError(message)
        return value


class Fen(Int):
    """An amount of money, integer fen (分)."""

    def __init__(self, *, low: int = 0, high: int = FEN_MAX, **kwargs: Any) -> None:
        super().__init__(low=low, high=high, **kwargs)


class Quantity(Int):
    """Pieces of one thing, 1 to 999."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(low=1, high=999, **kwargs)


class Flag(fields.Boolean):
    """A JSON boolean and nothing that looks like one; in a query ``true`` or ``false``."""

    default_error_messages: dict[str, Any] = {**_COMMON, "invalid": "field_not_boolean"}

    def _deserialize(self, value: object, attr: str | None, data: Mapping[str, Any] | None, **_kwargs: object) -> bool:
        if _is_query(self) and value in {"true", "false"}:
            return value == "true"
        if not isinstance(value, bool):
            raise self.make_error("invalid")
        return value


_LATITUDE_MAX, _LONGITUDE_MAX = 90, 180


class Degrees(fields.Float):
    """A coordinate, WGS-84 degrees, finite and within bounds."""

    default_error_messages: dict[str, Any] = {**_COMMON, "invalid": "field_not_number"}

    def __init__(self, *, bound: int, **kwargs: Any) -> None:
        super().__init__(metadata={"minimum": -bound, "maximum": bound}, **kwargs)
        self.bound = bound

    def _deserialize(self, value: object, attr: str | None, data: Mapping[str, Any] | None, **_kwargs: object) -> float:
        if _is_query(self) and isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,3}(\.[0-9]{1,15})?", value):
            value = float(value)
        if type(value) not in {int, float}:
            raise self.make_error("invalid")
        assert isinstance(value, int | float)
        if not -self.bound <= value <= self.bound:
            swapped = self.bound == _LATITUDE_MAX and abs(value) <= _LONGITUDE_MAX
            message = f"{'field_looks_swapped' if swapped else 'field_out_of_range'}|min={-self.bound}|max={self.bound}"
            raise ValidationError(message)
        return float(value)


class PlaceOrNone:
    """Beside a schema's base: it takes both ``lat`` and ``lng`` or neither; half of one place is no other place."""

    @validates_schema
    def whole_place(self, place: dict[str, Any], **_kwargs: object) -> None:
        """Want both coordinates or neither; the one that is lacking is said to be."""
        if (place["lat"] is None) is not (place["lng"] is None):
            message = "field_required"
            raise ValidationError(message, "lat" if place["lat"] is None else "lng")


class Text(fields.String):
    """A line of text in any language: NFC, trimmed, ``low`` to ``high`` long, no control characters, no unseen marks.

    Marks that nobody sees are taken out, see :mod:`app.kernel.marks`; what is nothing else is too short.
    """

    default_error_messages: dict[str, Any] = {**_COMMON, "invalid": "field_not_text"}

    def __init__(self, *, high: int, low: int = 1, **kwargs: Any) -> None:
        super().__init__(metadata={"minLength": low, "maxLength": high, **kwargs.pop("metadata", {})}, **kwargs)
        self.low, self.high = low, high

    def _deserialize(self, value: object, attr: str | None, data: Mapping[str, Any] | None, **_kwargs: object) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        if len(value) > self.high * 4:
            raise ValidationError(f"field_too_long|max={self.high}")
        cleaned = clean(value)
        if not is_one_line(cleaned):
            message = "field_control_characters"
            raise ValidationError(message)
        if len(cleaned) > self.high:
            raise ValidationError(f"field_too_long|max={self.high}")
        if len(cleaned) < self.low:
            raise ValidationError(f"field_too_short|min={self.low}")
        return cleaned


class Pattern(Text):
    """Text of one form."""

    def __init__(self, pattern: str, *, high: int, **kwargs: Any) -> None:
        super().__init__(high=high, metadata={"pattern": f"^{pattern}$"}, **kwargs)
        self.pattern = re.compile(pattern)

    def _deserialize(self, value: object, attr: str | None, data: Mapping[str, Any] | None, **kwargs: object) -> str:
        cleaned = super()._deserialize(value, attr, data, **kwargs)
        if not self.pattern.fullmatch(cleaned):
            message = "field_wrong_form"
            raise ValidationError(message)
        return cleaned


class Choice(fields.String):
    """One of a few words."""

    default_error_messages: dict[str, Any] = {**_COMMON, "invalid": "field_not_text"}

    def __init__(self, choices: Iterable[Any], **kwargs: Any) -> None:
        self.choices = [choice.value for choice in choices]
        super().__init__(metadata={"enum": self.choices + ([None] if kwargs.get("allow_none") else [])}, **kwargs)

    def _deserialize(self, value: object, attr: str | None, data: Mapping[str, Any] | None, **_kwargs: object) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        if value not in self.choices:
            raise ValidationError(f"field_not_one_of|choices={', '.join(self.choices)}")
        return value


class Id(fields.UUID):
    """A UUID in its usual hyphenated form."""

    default_error_messages: dict[str, Any] = {**_COMMON, "invalid_uuid": "field_not_uuid"}

    def _deserialize(self, value: object, attr: str | None, data: Mapping[str, Any] | None, **_kwargs: object) -> UUID:
        if not isinstance(value, str) or not _UUID.fullmatch(value):
            raise self.make_error("invalid_uuid")
        return UUID(value)


YEAR_MIN, YEAR_MAX = 1900, 2999
"""Whatever is added to a day or an instant that people give, and taken from it, is one, too."""


class Instant(fields.Field[datetime]):
    """An instant, RFC 3339 with a zone, from 1900 to 2999; written in UTC."""

    default_error_messages: dict[str, Any] = {**_COMMON, "invalid": "field_not_instant"}

    def _deserialize(
        self, value: object, attr: str | None, data: Mapping[str, Any] | None, **_kwargs: object
    ) -> datetime:
        if not isinstance(value, str) or not re.fullmatch(
            r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", value
        ):
            raise self.make_error("invalid")
        try:
            instant = datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            raise self.make_error("invalid") from None
        if not YEAR_MIN <= instant.year <= YEAR_MAX:
            raise self.make_error("invalid")
        return instant


class Day(fields.Field[date]):
    """A day, ``YYYY-MM-DD``, from 1900 to 2999; days are those of Asia/Shanghai."""

    default_error_messages: dict[str, Any] = {**_COMMON, "invalid": "field_not_day"}

    def _serialize(self, value: date | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else value.isoformat()

    def _deserialize(self, value: object, attr: str | None, data: Mapping[str, Any] | None, **_kwargs: object) -> date:
        if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            raise self.make_error("invalid")
        try:
            day = date.fromisoformat(value)
        except ValueError:
            raise self.make_error("invalid") from None
        if not YEAR_MIN <= day.year <= YEAR_MAX:
            raise self.make_error("invalid")
        return day


class Many(fields.List[Any]):
    """A list of at most ``high`` items."""

    default_error_messages: dict[str, Any] = {**_COMMON, "invalid": "field_not_list"}

    def __init__(self, item: Any, *, high: int, low: int = 0, **kwargs: Any) -> None:
        super().__init__(item, metadata={"minItems": low, "maxItems": high}, **kwargs)
        self.low, self.high = low, high

    def _deserialize(
        self, value: object, attr: str | None, data: Mapping[str, Any] | None, **kwargs: object
    ) -> list[Any]:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        if not self.low <= len(value) <= self.high:
            message = f"field_list_length|min={self.low}|max={self.high}"
            raise ValidationError(message)
        return super()._deserialize(value, attr, data, **kwargs)
