"""A folder shared with the bank: payout files go to ``out``, its own come in ``in``, end in ``done`` or ``refused``.

With fund companies one is shared as well; what goes out goes out alike.
"""

import os
from collections.abc import Callable
from pathlib import Path

import structlog

from app.core.settlement.bank_files import BYTES_MAX, BankFileRefused
from app.kernel.files import put_whole

log = structlog.get_logger()


def put_out(folder: Path, name: str, content: bytes) -> None:
    """Write a file for whom the folder is shared with, whole or not at all; writing it again changes nothing."""
    put_whole(folder / "out" / name, content)


def take_in(folder: Path, take: Callable[[str, bytes], int], limit: int = 100) -> int:
    """Hand every file of the bank to ``take``, oldest name first, and put it aside; return how many there were."""
    within = (folder / "in").glob("*.csv") if (folder / "in").is_dir() else ()
    found = sorted(path for path in within if path.is_file())[:limit]
    for path in found:
        aside, name = "done", os.fsencode(path.name).decode(errors="replace")
        try:
            with path.open("rb") as file:
                take(name, file.read(BYTES_MAX + 1))
        except BankFileRefused as refusal:
            aside = "refused"
            log.error("a file of the bank was refused", file=name, line=refusal.line, why=refusal.why)  # noqa: TRY400 - the facts, no traceback
        (folder / aside).mkdir(exist_ok=True)
        path.replace(folder / aside / path.name)
    return len(found)
