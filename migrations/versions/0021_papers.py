"""Papers of shops: business and food licenses, their review and their last day."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_STATES = "state IN ('submitted', 'approved', 'refused', 'withdrawn', 'replaced', 'expired')"


def upgrade() -> None:
    op.create_table(
        "papers",
        sa.Column("paper_id", sa.Uuid(), nullable=False),
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("photo_reference", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("submitted_by_id", sa.Uuid(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by_id", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('business_license', 'food_license')", name=op.f("ck_papers_kind")),
        sa.CheckConstraint(_STATES, name=op.f("ck_papers_state")),
        sa.CheckConstraint(
            "expires_on IS NOT NULL OR kind = 'business_license'", name=op.f("ck_papers_food_license_ends")
        ),
        sa.CheckConstraint("decided_by_id <> submitted_by_id", name=op.f("ck_papers_two_people")),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.shop_id"], name=op.f("fk_papers_shop_id")),
        sa.ForeignKeyConstraint(["submitted_by_id"], ["accounts.account_id"], name=op.f("fk_papers_submitted_by_id")),
        sa.ForeignKeyConstraint(["decided_by_id"], ["accounts.account_id"], name=op.f("fk_papers_decided_by_id")),
        sa.PrimaryKeyConstraint("paper_id", name=op.f("pk_papers")),
    )
    for column in ("shop_id", "submitted_by_id", "decided_by_id"):
        op.create_index(op.f(f"ix_papers_{column}"), "papers", [column])
    for name, state in (("uq_papers_waiting", "submitted"), ("uq_papers_approved", "approved")):
        op.create_index(
            name, "papers", ["shop_id", "kind"], unique=True, postgresql_where=sa.text(f"state = '{state}'")
        )
    op.create_index("ix_papers_number", "papers", ["kind", "number"], postgresql_where=sa.text("state = 'approved'"))
    op.create_index("ix_papers_review", "papers", ["state", "paper_id"])


def downgrade() -> None:
    op.drop_table("papers")
