"""Rewrite docs/problems.md from the words and the statuses: ``.venv/bin/python docs/list_problems.py``."""
# ruff: noqa: INP001 - a script beside what it writes

import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

PAGE = Path(__file__).with_name("problems.md")
sys.path.insert(0, str(PAGE.parents[1]))

import app.wiring  # noqa: E402 - the checkout is on the path only now; with it, every error is there
from app.kernel.errors import LinliError  # noqa: E402 - the same
from app.realtime import problems as live  # noqa: E402 - the same
from app.web.messages import catalog  # noqa: E402 - the same
from app.web.problems import _HTTP_CODES, STATUS  # noqa: E402 - the same

__all__ = ["app"]

INTRODUCTION = """\
# Problems

Every refusal is an RFC 9457 problem document, `application/problem+json`. Its `type` is
`{LINLI_PUBLIC_URL}/problems/{code}`, a page that the application itself serves; `code` is frozen, the words may
change. `Accept-Language` chooses Chinese (the default) or English. A document with the code `input_invalid` names
each field that is wrong in `errors: [{pointer, detail}]`. The names in braces are parameters, which the document
carries as members of their own.

Written by `docs/list_problems.py` from `app/web/catalogs` and the families of `app/kernel/errors.py`; a test fails
when it is not what they say.

| Status | Code | 标题 | Title | 说明 | Detail |
|---|---|---|---|---|---|
"""
FIELDS = """
## Fields

What `errors` says of one field.

| Key | 说明 | Detail |
|---|---|---|
"""


def statuses() -> dict[str, set[int]]:
    """Return the statuses of every code that the application can answer with."""
    found: dict[str, set[int]] = defaultdict(set)
    for error in _descendants(LinliError):
        if any(family in STATUS for family in error.__mro__):
            found[error.code].add(_of_family(error))
    for status, code in _HTTP_CODES.items():
        found[code].add(status)
    for refusal in vars(live).values():
        if isinstance(refusal, live.Refusal):
            found[refusal.code].add(refusal.status)
    found["internal_error"].add(500)
    return found


def page() -> str:
    """Return the whole page, problems by status and code."""
    zh, en = catalog("zh"), catalog("en")
    rows = sorted((min(answered), code, answered) for code, answered in statuses().items())
    problems = "".join(
        f"| {', '.join(map(str, sorted(answered)))} | `{code}` | {zh[code]['title']} | {en[code]['title']} "
        f"| {zh[code]['detail']} | {en[code]['detail']} |\n"
        for _, code, answered in rows
    )
    fields = "".join(
        f"| `{key}` | {zh[key]['detail']} | {words['detail']} |\n" for key, words in en.items() if "title" not in words
    )
    return INTRODUCTION + problems + FIELDS + fields


def _of_family(error: type[LinliError]) -> int:
    return next(STATUS[family] for family in error.__mro__ if family in STATUS)


def _descendants(family: type[LinliError]) -> Iterator[type[LinliError]]:
    for error in family.__subclasses__():
        yield error
        yield from _descendants(error)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
