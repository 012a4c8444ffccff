"""Attribution to stores, their figures day by day, and targets."""

import sqlalchemy as sa
from alembic import op

revision = "0056"
down_revision = "0055"
branch_labels = None
depends_on = None

_FIGURES = (
    "residents_new", "shops_new", "couriers_new", "helped_new", "shops_active", "couriers_active", "residents_active",
    "orders_paid", "orders_paid_fen", "orders_refunded_fen", "orders_completed", "orders_delivered", "orders_on_time",
    "deposits_fen", "fund_fen", "cash_in_fen", "cash_out_fen", "cash_acts", "verifications", "parcels_shelved",
)  # fmt: skip
_AT = sa.DateTime(timezone=True)

_BOOKS = """
CREATE INDEX journal_effective_idx ON ledger.journal USING brin (effective_on) WITH (autosummarize = on);
CREATE VIEW ledger.last_journal AS SELECT id AS journal_id, effective_on FROM ledger.journal;
CREATE FUNCTION ledger.flows_of(p_day date, p_kinds text[])
RETURNS TABLE (account_kind text, owner uuid, amount_fen bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' AS $$
DECLARE v_first bigint; v_last bigint;
BEGIN
    SELECT min(j.id), max(j.id) INTO v_first, v_last FROM ledger.journal j WHERE j.effective_on = p_day;
    RETURN QUERY
        SELECT a.kind::text, a.owner, sum(e.amount_fen)::bigint FROM ledger.entry e
          JOIN ledger.account a ON a.id = e.account_id
          JOIN ledger.journal j ON j.id = e.journal_id
         WHERE e.journal_id BETWEEN v_first AND v_last AND j.effective_on = p_day
           AND a.kind = ANY (p_kinds) AND a.owner IS NOT NULL
         GROUP BY a.kind, a.owner;
END $$;
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'linli_app') THEN
        GRANT SELECT ON ledger.last_journal TO linli_app;
        GRANT EXECUTE ON FUNCTION ledger.flows_of TO linli_app;
    END IF;
END $$;
"""


def _uuid(name: str) -> sa.Column:
    return sa.Column(name, sa.Uuid(), nullable=False)


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))


def upgrade() -> None:
    op.create_table(
        "attributions",
        sa.Column("party_kind", sa.Text(), nullable=False),
        _uuid("party_id"),
        _uuid("store_id"),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("began_on", sa.Date(), nullable=False),
        sa.CheckConstraint("party_kind IN ('resident', 'shop', 'courier')", name=op.f("ck_attributions_party_kind")),
        sa.CheckConstraint("rule IN ('help', 'community')", name=op.f("ck_attributions_rule")),
        _refers("attributions", "store_id", "stores.store_id"),
        sa.PrimaryKeyConstraint("party_kind", "party_id", name=op.f("pk_attributions")),
    )
    op.create_index(op.f("ix_attributions_store_id"), "attributions", ["store_id"])
    op.create_index("ix_attributions_began", "attributions", ["began_on"])
    op.create_table(
        "help_codes",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        _uuid("store_id"),
        _uuid("clerk_id"),
        sa.Column("expires_at", _AT, nullable=False),
        sa.Column("used_at", _AT, nullable=True),
        _refers("help_codes", "store_id", "stores.store_id"),
        _refers("help_codes", "clerk_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_help_codes")),
    )
    for column in ("store_id", "clerk_id"):
        op.create_index(op.f(f"ix_help_codes_{column}"), "help_codes", [column])
    op.create_table(
        "store_days",
        _uuid("store_id"),
        sa.Column("day", sa.Date(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _FIGURES),
        sa.Column("refreshed_at", _AT, nullable=False),
        _refers("store_days", "store_id", "stores.store_id"),
        sa.PrimaryKeyConstraint("store_id", "day", name=op.f("pk_store_days")),
    )
    op.create_index(op.f("ix_store_days_day"), "store_days", ["day"])
    op.create_table(
        "figure_dirt",
        sa.Column("day", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_figure_dirt")),
    )
    op.create_table(
        "figure_marks",
        sa.Column("is_only", sa.Boolean(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
        _uuid("born_from"),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("refreshed_at", _AT, nullable=False),
        sa.CheckConstraint("is_only", name=op.f("ck_figure_marks_one_row")),
        sa.PrimaryKeyConstraint("is_only", name=op.f("pk_figure_marks")),
    )
    op.create_table(
        "store_targets",
        _uuid("store_id"),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("figure", sa.Text(), nullable=False),
        sa.Column("target", sa.BigInteger(), nullable=False),
        _uuid("set_by_id"),
        sa.Column("set_at", _AT, nullable=False),
        sa.CheckConstraint("target >= 0", name=op.f("ck_store_targets_target_not_negative")),
        sa.CheckConstraint("extract(day FROM month) = 1", name=op.f("ck_store_targets_a_months_first_day")),
        _refers("store_targets", "store_id", "stores.store_id"),
        _refers("store_targets", "set_by_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("store_id", "month", "figure", name=op.f("pk_store_targets")),
    )
    op.create_index(op.f("ix_store_targets_set_by_id"), "store_targets", ["set_by_id"])
    op.create_index("ix_orders_placed", "orders", ["placed_at"])
    op.create_index("ix_till_acts_done", "till_acts", ["done_at"])
    op.create_index("ix_face_checks_ended", "face_checks", ["ended_at"])
    op.create_index("ix_parcels_shelved", "parcels", ["shelved_at"])
    op.execute(_BOOKS)


def downgrade() -> None:
    op.execute(
        """
        DROP FUNCTION ledger.flows_of;
        DROP VIEW ledger.last_journal;
        DROP INDEX ledger.journal_effective_idx;
        DROP INDEX ix_orders_placed;
        DROP INDEX ix_face_checks_ended;
        """
    )
    for table in ("store_targets", "figure_marks", "figure_dirt", "store_days", "help_codes", "attributions"):
        op.drop_table(table)
