"""Acts of the staff that somebody is to look into: flags of the audit log, a kind of work of the operators' queue."""

import sqlalchemy as sa
from alembic import op

revision = "0106"
down_revision = "0105"
branch_labels = None
depends_on = None

_KINDS = (
    "shop_review", "offer_review", "paper_review", "listing_claim", "case_ruling", "rating_appeal", "incident",
    "mismatch", "payout", "approval", "cash_difference", "dispute", "shop_visit",
)  # fmt: skip
_AT = sa.DateTime(timezone=True)


def _kinds(kinds: tuple[str, ...]) -> None:
    words = ", ".join(f"'{kind}'" for kind in kinds)
    op.execute("ALTER TABLE work_items DROP CONSTRAINT ck_work_items_kind")
    op.execute(f"ALTER TABLE work_items ADD CONSTRAINT ck_work_items_kind CHECK (kind IN ({words})) NOT VALID")
    op.execute("ALTER TABLE work_items VALIDATE CONSTRAINT ck_work_items_kind")


def upgrade() -> None:
    _kinds((*_KINDS, "audit_flag"))
    op.create_table(
        "audit_flags",
        sa.Column("flag_id", sa.Uuid(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("since_at", _AT, nullable=True),
        sa.Column("act_count", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("found_at", _AT, nullable=False),
        sa.Column("finding", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("resolved_by_id", sa.Uuid(), nullable=True),
        sa.Column("resolved_at", _AT, nullable=True),
        sa.CheckConstraint(
            "rule IN ('many_lookups', 'colleague_looked_up', 'many_refused_visitors', 'log_unsound')",
            name=op.f("ck_audit_flags_rule"),
        ),
        sa.CheckConstraint("state IN ('open', 'resolved')", name=op.f("ck_audit_flags_state")),
        sa.CheckConstraint("finding IN ('explained', 'misuse')", name=op.f("ck_audit_flags_finding")),
        sa.CheckConstraint("act_count > 0", name=op.f("ck_audit_flags_act_count_positive")),
        sa.CheckConstraint(
            "(state = 'resolved') = (resolved_at IS NOT NULL)", name=op.f("ck_audit_flags_resolved_at_an_instant")
        ),
        sa.CheckConstraint("resolved_by_id <> account_id", name=op.f("ck_audit_flags_resolved_by_another")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_audit_flags_account_id")),
        sa.ForeignKeyConstraint(
            ["resolved_by_id"], ["accounts.account_id"], name=op.f("fk_audit_flags_resolved_by_id")
        ),
        sa.PrimaryKeyConstraint("flag_id", name=op.f("pk_audit_flags")),
    )
    op.create_index(
        "uq_audit_flags_open",
        "audit_flags",
        ["rule", "account_id"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
        postgresql_nulls_not_distinct=True,
    )
    op.create_index(op.f("ix_audit_flags_account_id"), "audit_flags", ["account_id"])
    op.create_index(op.f("ix_audit_flags_resolved_by_id"), "audit_flags", ["resolved_by_id"])


def downgrade() -> None:
    op.drop_table("audit_flags")
    op.execute("DELETE FROM work_items WHERE kind = 'audit_flag'")
    _kinds(_KINDS)
