"""Visits to shops by a checklist, samples in stores and their scans, and five figures of a store's day."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0098"
down_revision = "0097"
branch_labels = None
depends_on = None

FIGURES = ("shop_visits", "shop_visits_failed", "sample_scans", "sample_orders", "sample_orders_fen")
_KINDS = (
    "shop_review", "offer_review", "paper_review", "listing_claim", "case_ruling", "rating_appeal", "incident",
    "mismatch", "payout", "approval", "cash_difference", "dispute",
)  # fmt: skip


def _id(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def _at(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))


def _kinds(kinds: tuple[str, ...]) -> None:
    words = ", ".join(f"'{kind}'" for kind in kinds)
    op.execute("ALTER TABLE work_items DROP CONSTRAINT ck_work_items_kind")
    op.execute(f"ALTER TABLE work_items ADD CONSTRAINT ck_work_items_kind CHECK (kind IN ({words})) NOT VALID")
    op.execute("ALTER TABLE work_items VALIDATE CONSTRAINT ck_work_items_kind")


def upgrade() -> None:
    _kinds((*_KINDS, "shop_visit"))
    op.create_table(
        "shop_visits",
        _id("shop_visit_id"),
        _id("store_id"),
        _id("shop_id"),
        _id("clerk_id"),
        sa.Column("checklist_version", sa.BigInteger(), nullable=False),
        sa.Column("answers", JSONB(), nullable=False),
        sa.Column("failed_count", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        _at("visited_at"),
        sa.Column("outcome", sa.Text(), nullable=True),
        _id("closed_by_id", nullable=True),
        _at("closed_at", nullable=True),
        sa.CheckConstraint("state IN ('recorded', 'in_review', 'closed')", name=op.f("ck_shop_visits_state")),
        sa.CheckConstraint("failed_count >= 0", name=op.f("ck_shop_visits_failed_count_not_negative")),
        _refers("shop_visits", "store_id", "stores.store_id"),
        _refers("shop_visits", "shop_id", "shops.shop_id"),
        _refers("shop_visits", "clerk_id", "accounts.account_id"),
        _refers("shop_visits", "closed_by_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("shop_visit_id", name=op.f("pk_shop_visits")),
    )
    op.create_index(op.f("ix_shop_visits_store_id_visited_at"), "shop_visits", ["store_id", "visited_at"])
    op.create_index("ix_shop_visits_mine", "shop_visits", ["shop_id", sa.text("shop_visit_id DESC")])
    op.create_index(
        "ix_shop_visits_waiting", "shop_visits", ["shop_visit_id"], postgresql_where=sa.text("state = 'in_review'")
    )
    op.create_index(op.f("ix_shop_visits_visited_at"), "shop_visits", ["visited_at"])
    op.create_index(op.f("ix_shop_visits_clerk_id"), "shop_visits", ["clerk_id"])
    op.create_index(op.f("ix_shop_visits_closed_by_id"), "shop_visits", ["closed_by_id"])
    op.create_table(
        "samples",
        _id("sample_id"),
        _id("store_id"),
        _id("offer_id"),
        sa.Column("state", sa.Text(), nullable=False),
        _id("shown_by_id"),
        _at("shown_at"),
        _at("withdrawn_at", nullable=True),
        sa.CheckConstraint("state IN ('shown', 'withdrawn')", name=op.f("ck_samples_state")),
        _refers("samples", "store_id", "stores.store_id"),
        _refers("samples", "offer_id", "offers.offer_id"),
        _refers("samples", "shown_by_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("sample_id", name=op.f("pk_samples")),
    )
    op.create_index(
        "uq_samples_shown",
        "samples",
        ["store_id", "offer_id"],
        unique=True,
        postgresql_where=sa.text("state = 'shown'"),
    )
    op.create_index(op.f("ix_samples_store_id_sample_id"), "samples", ["store_id", "sample_id"])
    op.create_index(op.f("ix_samples_offer_id"), "samples", ["offer_id"])
    op.create_index(op.f("ix_samples_shown_by_id"), "samples", ["shown_by_id"])
    op.create_table(
        "sample_scans",
        _id("sample_id"),
        _id("account_id"),
        sa.Column("day", sa.Date(), nullable=False),
        _at("scanned_at"),
        _refers("sample_scans", "sample_id", "samples.sample_id"),
        _refers("sample_scans", "account_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("sample_id", "account_id", "day", name=op.f("pk_sample_scans")),
    )
    op.create_index(op.f("ix_sample_scans_day"), "sample_scans", ["day"])
    op.create_index("ix_sample_scans_account_id", "sample_scans", ["account_id"])
    for name in FIGURES:
        op.add_column("store_days", sa.Column(name, sa.BigInteger(), server_default="0", nullable=False))


def downgrade() -> None:
    for name in FIGURES:
        op.drop_column("store_days", name)
    for table in ("sample_scans", "samples", "shop_visits"):
        op.drop_table(table)
    op.execute("DELETE FROM work_items WHERE kind = 'shop_visit'")
    _kinds(_KINDS)
