"""Nested parameters as an HTML form: ``a[b]=…`` for a mapping, ``a[]=…`` for a list, ``true`` and ``false``."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

MEDIA_TYPE: Final = "application/x-www-form-urlencoded"
"""Said even of a form without fields, which requests would send without a type."""

Scalar = str | int | bool
Value = Scalar | Sequence[Scalar] | Mapping[str, "Value"]


def encode(parameters: Mapping[str, Value]) -> list[tuple[str, str]]:
    """Return ``parameters`` as ordered name and value pairs; the same parameters always give the same pairs."""
    return [pair for name, value in parameters.items() for pair in _pairs(name, value)]


def _pairs(name: str, value: Value) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _pairs(f"{name}[{key}]", inner)
    elif isinstance(value, bool):
        yield name, "true" if value else "false"
    elif isinstance(value, str | int):
        yield name, str(value)
    else:
        for item in value:
            yield from _pairs(f"{name}[]", item)
