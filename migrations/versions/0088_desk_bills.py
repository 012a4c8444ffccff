"""Bills are paid and money is sent at the desk of a store, in cash or from the e-account of who stands there."""

import sqlalchemy as sa
from alembic import op

revision = "0088"
down_revision = "0087"
branch_labels = None
depends_on = None

_KINDS_BEFORE = "'opening', 'cash_in', 'cash_out', 'sent', 'received', 'taken_back', 'closing'"
_KINDS_NEW = "'bill_in_cash', 'bill_from_account', 'transfer_in_cash', 'transfer_from_account'"
_SOURCES_BEFORE = "'person', 'auto'"
_FEATURES_BEFORE = "'desk_cash_in', 'desk_cash_out', 'help_codes'"
_NEW = {
    ("till_acts", "account_where_no_cash"): (
        "(account_fen IS NOT NULL) = (kind IN ('bill_from_account', 'transfer_from_account'))"
    ),
    ("till_acts", "cash_or_account"): "account_fen IS NULL OR amount_fen = 0",
    ("bill_quotes", "bound_or_named"): "(binding_id IS NULL) <> (utility_account_id IS NULL)",
}
_REFERS = (
    ("till_acts", "bill_payment_id", "bill_payments", "bill_payment_id"),
    ("till_acts", "sent_transfer_id", "transfers", "transfer_id"),
    ("bill_quotes", "utility_account_id", "utility_accounts", "utility_account_id"),
)


def _check(table: str, name: str, rule: str) -> None:
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{name} CHECK ({rule}) NOT VALID")
    op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT ck_{table}_{name}")


def _one_of(table: str, column: str, values: str) -> None:
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{column}")
    _check(table, column, f"{column} IN ({values})")


def upgrade() -> None:
    _one_of("till_acts", "kind", f"{_KINDS_BEFORE}, {_KINDS_NEW}")
    _one_of("bill_payments", "source", f"{_SOURCES_BEFORE}, 'desk', 'desk_cash'")
    _one_of("feature_changes", "feature", f"{_FEATURES_BEFORE}, 'desk_bills', 'desk_transfers'")
    op.add_column("till_acts", sa.Column("account_fen", sa.BigInteger(), nullable=True))
    op.add_column("desk_visits", sa.Column("confirmed_subject_id", sa.Uuid(), nullable=True))
    op.add_column("transfers", sa.Column("is_cash", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.alter_column("bill_quotes", "binding_id", nullable=True)
    for table, column, other, key in _REFERS:
        op.add_column(table, sa.Column(column, sa.Uuid(), nullable=True))
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])
        name = f"fk_{table}_{column}"
        op.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({column}) REFERENCES {other} ({key}) NOT VALID"
        )
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")
    for (table, name), rule in _NEW.items():
        _check(table, name, rule)


def downgrade() -> None:
    op.execute("DELETE FROM bill_quotes WHERE binding_id IS NULL")
    for table, name in _NEW:
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{name}")
    for table, column, _, _ in _REFERS:
        op.drop_column(table, column)
    op.alter_column("bill_quotes", "binding_id", nullable=False)
    op.drop_column("transfers", "is_cash")
    op.drop_column("desk_visits", "confirmed_subject_id")
    op.drop_column("till_acts", "account_fen")
    _one_of("till_acts", "kind", _KINDS_BEFORE)
    _one_of("bill_payments", "source", _SOURCES_BEFORE)
    _one_of("feature_changes", "feature", _FEATURES_BEFORE)
