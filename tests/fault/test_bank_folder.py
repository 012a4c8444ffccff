"""Files for the bank, put out by several workers at once, one of which may die of it."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from app.adapters.bank_folder import put_out

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

CONTENT = b"H,PAYOUT,1\n" * 20_000
NAME = "payout-2026-03-05-1.csv"


class _Killed(Exception):
    """Stands for the end of a process between two of its steps."""


def test_a_writer_that_dies_leaves_no_part_of_its_own_in_place_of_anothers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush = os.fsync

    def meanwhile(number: int) -> None:
        """Let another begin the same file, and die before anything of it is written."""
        flush(number)
        monkeypatch.setattr(os, "fsync", dying)
        with suppress(_Killed):
            put_out(tmp_path, NAME, b"")

    def dying(_: int) -> None:
        raise _Killed

    monkeypatch.setattr(os, "fsync", meanwhile)

    put_out(tmp_path, NAME, CONTENT)

    assert (tmp_path / "out" / NAME).read_bytes() == CONTENT


def test_what_many_put_out_at_once_is_whole_whenever_it_is_looked_at(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        puts = [pool.submit(put_out, tmp_path, NAME, CONTENT) for _ in range(24)]
        seen = set()
        while not all(one.done() for one in puts):
            with suppress(FileNotFoundError):
                seen.add((tmp_path / "out" / NAME).read_bytes())
        for one in puts:
            one.result()

    assert seen <= {CONTENT}
    assert [path.name for path in (tmp_path / "out").iterdir()] == [NAME]
