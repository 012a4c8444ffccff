"""Errors that speak to people: a frozen ``code`` and parameters; ``app.web.problems`` gives status and words.

A family decides the HTTP status, a subclass names the fact. Assertions, not these, guard against our own mistakes.
"""

from collections.abc import Mapping
from typing import ClassVar


class LinliError(Exception):
    """A refusal that a person may read. Never raised directly: use a family's subclass.

    :param pointer: JSON pointer of the field at fault in body or query, or the name of a header, when there is one.
    :param params: values for the message's placeholders: ids, fen, counts, states; never personal data.
    """

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "Something was refused"

    def __init__(self, *, pointer: str | None = None, **params: object) -> None:
        super().__init__(self.code, params)
        self.pointer = pointer
        self.params: Mapping[str, object] = params


class Unauthenticated(LinliError):
    """No proof, or no valid proof, of who is asking."""

    code = "unauthenticated"
    title = "Sign-in needed"


class Forbidden(LinliError):
    """The asker is known, and may not."""

    code = "forbidden"
    title = "Not allowed"


class NotFound(LinliError):
    """No such thing, or not one of the asker's; the two look the same on purpose."""

    code = "not_found"
    title = "Not found"


class Conflict(LinliError):
    """The request was right in form, and the present state refuses it."""

    code = "conflict"
    title = "Not possible in the present state"


class Invalid(LinliError):
    """A value breaks a rule of its field."""

    code = "invalid"
    title = "Invalid input"


class Throttled(LinliError):
    """Too many tries; parameter ``retry_after_s`` says how long to wait."""

    code = "throttled"
    title = "Too many requests"


class Unavailable(LinliError):
    """Nothing was changed, or the outcome is unknown; the same request with the same key may be sent again."""

    code = "unavailable"
    title = "Not available at the moment"


class Busy(Unavailable):
    """Others hold what this request needs; nothing was changed, the same request may be sent again."""

    code = "busy"
    title = "Busy"
