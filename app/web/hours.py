"""Opening hours as they come in: by weekday, in Shanghai time."""

import re
from typing import Any

from marshmallow import ValidationError, fields

from app.web.fields import Pattern

SPANS_MAX = 5
_DAY = re.compile(r"[1-7]|holiday|[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Clock(Pattern):
    """A time of day in Shanghai, ``HH:MM``; ``24:00`` ends the day."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(r"(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)", high=5, **kwargs)


class Hours(fields.Field[dict[str, Any]]):
    """ISO weekday ``"1".."7"``, ``"holiday"`` or a date → spans ``["08:00", "22:00"]``; a date goes first."""

    default_error_messages: dict[str, Any] = {
        "required": "field_required",
        "null": "field_null",
        "invalid": "field_not_object",
        "validator_failed": "field_invalid",
    }
    _clock = Clock()

    def _deserialize(self, value: object, attr: str | None, data: object, **_kwargs: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.make_error("invalid")
        for weekday, spans in value.items():
            if not _DAY.fullmatch(weekday) or not isinstance(spans, list):
                message = "field_wrong_form"
                raise ValidationError(message)
            if len(spans) > SPANS_MAX:
                raise ValidationError(f"field_list_length|min=0|max={SPANS_MAX}")
            for span in spans:
                if not isinstance(span, list) or len(span) != 2:  # noqa: PLR2004 - from and to
                    message = "field_wrong_form"
                    raise ValidationError(message)
                for clock in span:
                    self._clock.deserialize(clock)
        return value
