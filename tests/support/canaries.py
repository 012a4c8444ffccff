"""What must not stand in any log: phone numbers, ID numbers, names, codes, tokens. Looked for at the end of every run.

Everything that tests and the processes under test wrote is read: the captured output of each test, and every log file
below the run's temporary folder. People in tests have names of this module, so that a name can be recognized.
"""

from __future__ import annotations

import os
import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from app.core.verification.errors import IdNumberInvalid
from app.core.verification.id_numbers import IdNumber

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest
    from flask import Response

NAMES = ("王芳", "陈晓", "欧阳雪见")
LOG_BYTES_MAX = 64 * 1024 * 1024
_DAY = date(2100, 1, 1)

CANARIES = {
    "phone": re.compile(r"(?<![0-9A-Za-z])(?:\+86)?1[3-9][0-9]{9}(?![0-9A-Za-z])"),
    "token": re.compile(r"eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}|Bearer +[\w.-]{20,}|refresh_token\W{1,5}[\w-]{20,}"),
    "code": re.compile(r"code[\"']?\s*[=:]\s*[\"']?[0-9]{4,6}(?![0-9A-Za-z])"),
    "name": re.compile("|".join(NAMES)),
    "refusal that leaks": re.compile(r"a refusal leaks: "),
}
LEAKS = re.compile(
    r"Traceback|File \"/|psycopg|sqlalchemy|SELECT .{1,200} FROM|INSERT INTO|UPDATE \w+ SET|[\w.]+@[\w-]+\.\w+"
    r"|(?<![0-9A-Za-z])(?:\+86)?1[3-9][0-9]{9}(?![0-9A-Za-z])",
    re.DOTALL,
)
"""What no body of a refusal may hold: our insides, or somebody's mail address or phone number."""
_ID_NUMBER = re.compile(r"(?<![0-9A-Za-z])[1-8][0-9]{16}[0-9Xx](?![0-9A-Za-z])")

_found: dict[str, str] = {}


def canaries_in(text: str) -> Iterator[tuple[str, str]]:
    """Yield kind and place of everything in ``text`` that no log may hold; the value itself is not repeated."""
    for kind, pattern in CANARIES.items():
        for hit in pattern.finditer(text):
            yield kind, _around(text, hit)
    for hit in _ID_NUMBER.finditer(text):
        try:
            IdNumber.read(hit[0], today=_DAY)
        except IdNumberInvalid:
            continue
        yield "ID number", _around(text, hit)


def tell_leaks(response: Response) -> Response:
    """Say in the output, where it is found, that a refusal of the application holds what it may not."""
    if response.status_code >= 400 and (response.mimetype or "").endswith("json"):
        hit = LEAKS.search(response.get_data(as_text=True))
        if hit is not None:
            print(f"a refusal leaks: {response.status_code} at place {hit.start()}")  # noqa: T201 - read at the end
    return response


def _around(text: str, hit: re.Match[str]) -> str:
    return f"{text[max(0, hit.start() - 60) : hit.start()]}[…]".replace("\n", " ")


def _is_controller() -> bool:
    return "PYTEST_XDIST_WORKER" not in os.environ


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Read what a test has written."""
    if _is_controller():
        for title, content in report.sections:
            for kind, place in canaries_in(content):
                _found.setdefault(f"{report.nodeid} ({title})", f"{kind} after: {place}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Read what processes have written, and let the run fail when anything was found."""
    if not _is_controller():
        return
    factory = getattr(session.config, "_tmp_path_factory", None)
    if factory is not None:
        for log in sorted(Path(factory.getbasetemp()).rglob("*.log")):
            if log.is_file() and log.stat().st_size <= LOG_BYTES_MAX:
                for kind, place in canaries_in(log.read_text(encoding="utf-8", errors="replace")):
                    _found.setdefault(str(log), f"{kind} after: {place}")
    if _found and session.exitstatus == 0:
        session.exitstatus = 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was found where."""
    for place, what in _found.items():
        terminalreporter.write_line(f"personal data in a log: {place}: {what}", red=True)
