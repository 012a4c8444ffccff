"""Tables of visits. Coordinates are WGS-84 degrees."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.core.visiting.states import VanVisitState
from app.kernel.columns import one_of
from app.kernel.db import Base


class VanVisitRow(Base):
    """A visit of a store's service van (流动服务车) to a community: where it stands, from when to when, for what."""

    __tablename__ = "van_visits"
    __table_args__ = (
        one_of("state", VanVisitState),
        CheckConstraint("from_at < until_at", name="ends_after_it_begins"),
        Index(None, "store_id", "van_visit_id"),
        Index("ix_van_visits_next", "community_id", "until_at", postgresql_where=text("state = 'planned'")),
        Index("ix_van_visits_ahead", "until_at", postgresql_where=text("state = 'planned'")),
    )

    van_visit_id: Mapped[UUID] = mapped_column(primary_key=True)
    store_id: Mapped[UUID] = mapped_column(ForeignKey("stores.store_id"))
    community_id: Mapped[UUID] = mapped_column(ForeignKey("communities.community_id"), index=True)
    place: Mapped[str]
    lat: Mapped[float]
    lng: Mapped[float]
    services: Mapped[list[str]] = mapped_column(ARRAY(Text))
    from_at: Mapped[datetime]
    until_at: Mapped[datetime]
    state: Mapped[str]
    planned_by_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    planned_at: Mapped[datetime]
    moved_at: Mapped[datetime | None]
