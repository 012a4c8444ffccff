"""The table of imports: a file of offers on its way onto a shelf."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.columns import not_negative, one_of
from app.kernel.db import Base


class ImportState(StrEnum):
    """How far an import is."""

    WAITING = "waiting"
    READING = "reading"
    WRITING = "writing"
    DONE = "done"
    REFUSED = "refused"
    """Rows were wrong and all or none was asked for: nothing was changed."""
    FAILED = "failed"
    """It could not be read or written to its end: nothing was changed."""
    CANCELED = "canceled"
    """Its merchant gave it up: nothing was changed."""


RUNNING = frozenset({ImportState.WAITING, ImportState.READING, ImportState.WRITING})
"""A shop has one import in these at a time."""


class ImportFailure(StrEnum):
    """Why an import failed; a code that people are told the words of."""

    UNREADABLE = "file_unreadable"
    OURS = "import_failed"


TRIES_MAX = 20
"""How often an import is begun: with the waits of jobs, and after workers that died, for an hour about."""


class ImportMode(StrEnum):
    """What becomes of the right rows of a file that has wrong ones."""

    ALL_OR_NONE = "all_or_none"
    CORRECT_ROWS = "correct_rows"


class ShelfImportRow(Base):
    """``file`` is there until the import has ended; ``errors`` is ``[{"row": …, "column": …, "detail": …}]``.

    Counts of rows move while the import runs: ``read_count`` of ``row_count`` while it is read, each of which is
    right, wrong or blank; ``written_count`` of ``right_count`` while it is written. The others are known at its end.
    ``try_count`` says how often it was begun.
    """

    __tablename__ = "shelf_imports"
    __table_args__ = (
        one_of("state", ImportState),
        one_of("mode", ImportMode),
        one_of("failure", ImportFailure),
        *not_negative(
            "row_count",
            "read_count",
            "right_count",
            "wrong_count",
            "written_count",
            "made_count",
            "changed_count",
            "try_count",
        ),
        Index(
            "uq_shelf_imports_running",
            "shop_id",
            unique=True,
            postgresql_where="state IN ('waiting', 'reading', 'writing')",
        ),
    )

    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    shop_id: Mapped[UUID] = mapped_column(ForeignKey("shops.shop_id"), index=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    state: Mapped[str]
    mode: Mapped[str]
    is_dry_run: Mapped[bool]
    file: Mapped[bytes | None] = mapped_column(LargeBinary)
    row_count: Mapped[int] = mapped_column(server_default="0")
    read_count: Mapped[int] = mapped_column(server_default="0")
    right_count: Mapped[int] = mapped_column(server_default="0")
    wrong_count: Mapped[int] = mapped_column(server_default="0")
    written_count: Mapped[int] = mapped_column(server_default="0")
    made_count: Mapped[int] = mapped_column(server_default="0")
    changed_count: Mapped[int] = mapped_column(server_default="0")
    try_count: Mapped[int] = mapped_column(server_default="0")
    errors: Mapped[list[Any]] = mapped_column(JSONB, server_default="[]")
    failure: Mapped[str | None]
    asked_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
