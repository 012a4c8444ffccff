"""The table of photos that prove something."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.proof.rules import PhotoUse
from app.kernel.columns import one_of
from app.kernel.db import Base


class PhotoFileRow(Base):
    """A file that is, or was, on its way to where pictures are kept, and that no photo names yet.

    It goes when a photo names it; a file whose row is older than a day is of no photo, and is removed.
    """

    __tablename__ = "photo_files"
    __table_args__ = (Index("ix_photo_files_sent_at", "sent_at"),)

    file: Mapped[str] = mapped_column(primary_key=True)
    sent_at: Mapped[datetime]
    """Wall time: no clock that is moved makes it older."""


class ProofPhotoRow(Base):
    """A photo of an order (凭证照片), in the order's parties' eyes only.

    ``file`` names it where pictures are kept; the file is encrypted with a key that only this row has. Without its key
    a photo is erased at once; the file, which nobody can read then, is removed a little later and the row with it.
    """

    __tablename__ = "proof_photos"
    __table_args__ = (
        one_of("use", PhotoUse),
        Index(
            "uq_proof_photos_same",
            "order_id",
            "account_id",
            "digest",
            unique=True,
            postgresql_where=text("key_sealed IS NOT NULL"),
        ),
        Index("ix_proof_photos_erased", "photo_id", postgresql_where=text("key_sealed IS NULL")),
        Index("ix_proof_photos_unused", "taken_at", postgresql_where=text("use IS NULL")),
        Index("ix_proof_photos_taken_at", "taken_at"),
    )

    photo_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.order_id"), index=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    digest: Mapped[str]
    file: Mapped[str]
    key_sealed: Mapped[str | None]
    use: Mapped[str | None]
    taken_at: Mapped[datetime]
