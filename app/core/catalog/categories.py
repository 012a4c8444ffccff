"""What a category asks an offer to say of itself. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.core.catalog.errors import AttributesInvalid

KEY_LENGTH_MAX = 50
TEXT_LENGTH_MAX = 100
NUMBER_MAX = 1_000_000


def read_attributes(asked: Sequence[Mapping[str, Any]], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``given`` when each of it is an attribute that is asked for, of its kind, and none that is needed lacks.

    :param asked: ``attributes`` of the category.
    :raises AttributesInvalid: with parameter ``key``.
    """
    known = {attribute["key"]: attribute for attribute in asked}
    for key, value in given.items():
        if key not in known or not _fits(known[key], value):
            raise AttributesInvalid(pointer=f"/attributes/{key[:KEY_LENGTH_MAX]}", key=key[:KEY_LENGTH_MAX])
    for key, attribute in known.items():
        if attribute.get("is_required") and key not in given:
            raise AttributesInvalid(pointer=f"/attributes/{key}", key=key)
    return dict(given)


def _fits(attribute: Mapping[str, Any], value: object) -> bool:
    kind = attribute["kind"]
    if kind == "flag":
        return isinstance(value, bool)
    if kind == "number":
        return type(value) in {int, float} and 0 <= value <= NUMBER_MAX  # type: ignore[operator]
    if kind == "choice":
        return value in attribute["choices"]
    return isinstance(value, str) and 0 < len(value.strip()) <= TEXT_LENGTH_MAX
