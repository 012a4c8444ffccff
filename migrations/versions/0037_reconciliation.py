"""Reconciliation with files of providers and banks; checks of money and alarms."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

KINDS_BEFORE = "'correction', 'commission_rate', 'staff_role', 'payout'"


def _id(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), nullable=False)


def _at(name: str, *, nullable: bool = False, is_now: bool = False) -> sa.Column[object]:
    default = sa.text("clock_timestamp()") if is_now else None
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=default)


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
    _set_kinds(f"{KINDS_BEFORE}, 'mismatch'")
    op.create_table(
        "recon_files",
        _id("file_id"),
        _text("source"),
        sa.Column("day", sa.Date(), nullable=False),
        _text("sha256"),
        _int("lines_count"),
        _int("total_fen"),
        _int("fee_fen"),
        _at("taken_at", is_now=True),
        _check("recon_files", "source", "source IN ('stripe', 'bank')"),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_recon_files")),
        sa.UniqueConstraint("source", "day", name=op.f("uq_recon_files_source_day")),
    )
    op.create_table(
        "recon_lines",
        _text("source"),
        _text("line_id"),
        sa.Column("day", sa.Date(), nullable=False),
        _text("kind"),
        _text("object"),
        _int("amount_fen"),
        sa.PrimaryKeyConstraint("source", "line_id", name=op.f("pk_recon_lines")),
    )
    op.create_index("ix_recon_lines_object", "recon_lines", ["object", "kind"])
    _make_items()
    op.create_table(
        "money_checks",
        _text("name"),
        _at("checked_at"),
        sa.Column("is_sound", sa.Boolean(), nullable=False),
        _int("value"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_money_checks")),
    )
    op.create_table(
        "money_alarms",
        _text("code"),
        _int("value"),
        _at("raised_at"),
        _at("told_at", nullable=True),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_money_alarms")),
    )


def _make_items() -> None:
    table = "recon_items"
    op.create_table(
        table,
        _id("item_id"),
        _text("source"),
        sa.Column("day", sa.Date(), nullable=False),
        _text("mismatch"),
        _text("object"),
        _text("kind"),
        _text("line_id", nullable=True),
        _int("ours_fen", nullable=True),
        _int("theirs_fen", nullable=True),
        _int("suspense_fen"),
        _text("state"),
        _text("resolution", nullable=True),
        _at("found_at"),
        _at("resolved_at", nullable=True),
        _check(table, "source", "source IN ('stripe', 'bank')"),
        _check(table, "mismatch", "mismatch IN ('missing_here', 'missing_there', 'amount_differs')"),
        _check(table, "state", "state IN ('open', 'resolved')"),
        _check(table, "resolution", "resolution IN ('explained', 'written_off', 'posted_late', 'came_later')"),
        _check(table, "resolved_somehow", "(state = 'resolved') = (resolution IS NOT NULL)"),
        sa.PrimaryKeyConstraint("item_id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint(
            "source", "object", "kind", "mismatch", name=op.f(f"uq_{table}_source_object_kind_mismatch")
        ),
    )
    op.create_index("ix_recon_items_open", table, ["item_id"], postgresql_where=sa.text("state = 'open'"))
    op.create_table(
        "recon_notes",
        _id("note_id"),
        _id("item_id"),
        _id("account_id"),
        _text("note"),
        _at("noted_at", is_now=True),
        _refers("recon_notes", "item_id", "recon_items.item_id"),
        _refers("recon_notes", "account_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("note_id", name=op.f("pk_recon_notes")),
    )
    op.create_index(op.f("ix_recon_notes_item_id"), "recon_notes", ["item_id"])
    op.create_index(op.f("ix_recon_notes_account_id"), "recon_notes", ["account_id"])


def downgrade() -> None:
    message = "what was reconciled is a record of trade; it is kept"
    raise RuntimeError(message)
