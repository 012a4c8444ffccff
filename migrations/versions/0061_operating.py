"""The operator's desk: who looks after what, switches, announcements, exports; weeks in which residents bought."""

import sqlalchemy as sa
from alembic import op

revision = "0061"
down_revision = "0060"
branch_labels = None
depends_on = None

_AT = sa.DateTime(timezone=True)
_KINDS = (
    "shop_review", "offer_review", "paper_review", "listing_claim", "case_ruling", "rating_appeal", "incident",
    "mismatch", "payout", "approval", "cash_difference",
)  # fmt: skip


def _in(column: str, words: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(word) for word in words)})"


def _uuid(name: str, *, null: bool = False) -> sa.Column:
    return sa.Column(name, sa.Uuid(), nullable=null)


def _words(name: str, *, null: bool = False) -> sa.Column:
    return sa.Column(name, sa.Text(), nullable=null)


def _at(name: str, *, null: bool = False) -> sa.Column:
    return sa.Column(name, _AT, nullable=null)


def _refers(table: str, column: str, target: str, **more: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"), **more)


def _check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def upgrade() -> None:
    op.create_table(
        "work_items",
        _words("kind"),
        _uuid("subject_id"),
        _uuid("assigned_to_id", null=True),
        _uuid("assigned_by_id", null=True),
        _at("assigned_at", null=True),
        _at("escalated_at", null=True),
        _check("work_items", "kind", _in("kind", _KINDS)),
        _refers("work_items", "assigned_to_id", "accounts.account_id"),
        _refers("work_items", "assigned_by_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("kind", "subject_id", name=op.f("pk_work_items")),
    )
    op.create_table(
        "feature_changes",
        _uuid("change_id"),
        _words("feature"),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        _words("why"),
        _uuid("set_by_id"),
        _at("set_at"),
        _check("feature_changes", "feature", _in("feature", ("desk_cash_in", "desk_cash_out", "help_codes"))),
        _refers("feature_changes", "set_by_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_feature_changes")),
    )
    op.create_index(op.f("ix_feature_changes_feature"), "feature_changes", ["feature", sa.text("change_id DESC")])
    op.create_table(
        "announcements",
        _uuid("announcement_id"),
        _uuid("community_id", null=True),
        _words("title"),
        _words("words"),
        _at("from_at"),
        _at("until_at"),
        _uuid("set_by_id"),
        _at("withdrawn_at", null=True),
        _check("announcements", "ends_after_it_begins", "until_at > from_at"),
        _refers("announcements", "community_id", "communities.community_id"),
        _refers("announcements", "set_by_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("announcement_id", name=op.f("pk_announcements")),
    )
    op.create_table(
        "table_exports",
        _uuid("export_id"),
        _uuid("account_id"),
        _words("what"),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("until_on", sa.Date(), nullable=False),
        _words("state"),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("rows_done", "rows_total", "pieces")),
        _words("last_key", null=True),
        _at("requested_at"),
        _at("expires_at"),
        _check("table_exports", "what", _in("what", ("orders", "till_acts", "store_days"))),
        _check("table_exports", "state", _in("state", ("requested", "running", "ready"))),
        *(
            _check("table_exports", f"{name}_not_negative", f"{name} >= 0")
            for name in ("rows_done", "rows_total", "pieces")
        ),
        _refers("table_exports", "account_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("export_id", name=op.f("pk_table_exports")),
    )
    op.create_table(
        "table_export_pieces",
        _uuid("export_id"),
        sa.Column("piece", sa.BigInteger(), nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        _refers("table_export_pieces", "export_id", "table_exports.export_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("export_id", "piece", name=op.f("pk_table_export_pieces")),
    )
    op.create_table(
        "resident_weeks",
        _uuid("account_id"),
        sa.Column("week", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "week", name=op.f("pk_resident_weeks")),
    )
    for table, columns in {
        "work_items": ("assigned_to_id", "assigned_by_id"),
        "feature_changes": ("set_by_id",),
        "announcements": ("community_id", "set_by_id", "until_at"),
        "table_exports": ("account_id", "expires_at"),
    }.items():
        for column in columns:
            op.create_index(op.f(f"ix_{table}_{column}"), table, [column])


def downgrade() -> None:
    for table in (
        "resident_weeks",
        "table_export_pieces",
        "table_exports",
        "announcements",
        "feature_changes",
        "work_items",
    ):
        op.drop_table(table)
