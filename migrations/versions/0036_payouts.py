"""Payouts to bank accounts, by files to the bank and from it; large ones by two people."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

KINDS_BEFORE = "'correction', 'commission_rate', 'staff_role'"


def _id(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), nullable=False)


def _at(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _int(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))


def _set_kinds(kinds: str) -> None:
    op.drop_constraint(op.f("ck_approvals_kind"), "approvals", type_="check")
    op.create_check_constraint(op.f("ck_approvals_kind"), "approvals", f"kind IN ({kinds})")


def upgrade() -> None:
    _set_kinds(f"{KINDS_BEFORE}, 'payout'")
    op.create_table(
        "bank_accounts",
        _text("party_kind"),
        _id("party_id"),
        _text("target_sealed", nullable=True),
        _text("tail"),
        sa.Column("is_automatic", sa.Boolean(), nullable=False),
        _at("changed_at"),
        _id("changed_by"),
        _at("usable_at"),
        _check("bank_accounts", "party_kind", "party_kind IN ('merchant', 'courier')"),
        _refers("bank_accounts", "changed_by", "accounts.account_id"),
        sa.PrimaryKeyConstraint("party_kind", "party_id", name=op.f("pk_bank_accounts")),
    )
    op.create_index(op.f("ix_bank_accounts_changed_by"), "bank_accounts", ["changed_by"])
    op.create_table(
        "payouts",
        _id("payout_id"),
        _text("party_kind"),
        _id("party_id"),
        _int("amount_fen"),
        _text("state"),
        sa.Column("tries", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        _text("tail"),
        sa.Column("due_on", sa.Date(), nullable=False),
        _at("requested_at"),
        _at("ended_at", nullable=True),
        _text("failure", nullable=True),
        _check("payouts", "party_kind", "party_kind IN ('merchant', 'courier')"),
        _check("payouts", "state", "state IN ('requested', 'ready', 'sent', 'paid', 'failed', 'returned', 'rejected')"),
        _check("payouts", "amount_fen_positive", "amount_fen > 0"),
        sa.PrimaryKeyConstraint("payout_id", name=op.f("pk_payouts")),
    )
    op.create_index("ix_payouts_party", "payouts", ["party_kind", "party_id", sa.literal_column("payout_id DESC")])
    op.create_index("ix_payouts_ready", "payouts", ["due_on"], postgresql_where=sa.text("state = 'ready'"))
    op.create_table(
        "payout_batches",
        _id("batch_id"),
        sa.Column("day", sa.Date(), nullable=False),
        _int("lines_count"),
        _int("total_fen"),
        _at("made_at"),
        _at("written_at", nullable=True),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_payout_batches")),
    )
    op.create_index(
        "ix_payout_batches_unwritten", "payout_batches", ["batch_id"], postgresql_where=sa.text("written_at IS NULL")
    )
    _make_lines()


def _make_lines() -> None:
    op.create_table(
        "payout_lines",
        _text("reference"),
        _id("batch_id"),
        _id("payout_id"),
        _int("try_number"),
        _int("amount_fen"),
        _text("target_sealed", nullable=True),
        _text("state"),
        _text("reason", nullable=True),
        sa.Column("answered_on", sa.Date(), nullable=True),
        _check("payout_lines", "state", "state IN ('sent', 'paid', 'failed', 'returned')"),
        _check("payout_lines", "amount_fen_positive", "amount_fen > 0"),
        _refers("payout_lines", "batch_id", "payout_batches.batch_id"),
        _refers("payout_lines", "payout_id", "payouts.payout_id"),
        sa.PrimaryKeyConstraint("reference", name=op.f("pk_payout_lines")),
        sa.UniqueConstraint("payout_id", "try_number", name=op.f("uq_payout_lines_payout_id_try_number")),
    )
    op.create_index("ix_payout_lines_batch_id", "payout_lines", ["batch_id"])
    op.create_table(
        "bank_files",
        _text("sha256"),
        _text("name"),
        sa.Column("day", sa.Date(), nullable=True),
        _text("state"),
        _int("line", nullable=True),
        _text("why", nullable=True),
        sa.Column(
            "received_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")
        ),
        _check("bank_files", "state", "state IN ('applying', 'applied', 'refused')"),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_bank_files")),
    )


def downgrade() -> None:
    message = "payouts are records of trade; they are kept"
    raise RuntimeError(message)
