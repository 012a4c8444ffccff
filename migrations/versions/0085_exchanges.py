"""Exchanges are made at the shop, at the store's counter or at the door; the new pieces are reserved for them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0085"
down_revision = "0084"
branch_labels = None
depends_on = None

_BEFORE = (
    "applied", "returning", "sent_back", "exchanging", "replaced", "rejected", "escalated", "refunded", "exchanged",
    "withdrawn", "refused",
)  # fmt: skip
_CASES = "after_sale_cases"
_CHECKS = {
    "exchange_way": "exchange_way IN ('courier', 'store', 'shop')",
    "carriage_payer": "carriage_payer IN ('merchant', 'platform')",
    "way_of_an_exchange": "(kind = 'exchange') >= (exchange_way IS NOT NULL)",
    "carriage_has_payer": "(carriage_payer IS NULL) = (carriage_fen = 0)",
    "carriage_fen_not_negative": "carriage_fen >= 0",
    "difference_fen_not_negative": "difference_fen >= 0",
}


def _states(states: tuple[str, ...]) -> None:
    named = ", ".join(f"'{state}'" for state in states)
    op.execute(f"ALTER TABLE {_CASES} DROP CONSTRAINT ck_after_sale_cases_state")
    op.execute(f"ALTER TABLE {_CASES} ADD CONSTRAINT ck_after_sale_cases_state CHECK (state IN ({named})) NOT VALID")
    op.execute(f"ALTER TABLE {_CASES} VALIDATE CONSTRAINT ck_after_sale_cases_state")


def upgrade() -> None:
    op.add_column(_CASES, sa.Column("exchange_way", sa.Text(), nullable=True))
    op.add_column(_CASES, sa.Column("difference_fen", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column(_CASES, sa.Column("carrier_id", sa.Uuid(), nullable=True))
    op.add_column(_CASES, sa.Column("carriage_fen", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column(_CASES, sa.Column("carriage_payer", sa.Text(), nullable=True))
    op.add_column(
        _CASES,
        sa.Column("wrong_codes", JSONB(), server_default=sa.text("'{}'"), nullable=False),
    )
    op.execute(f"UPDATE {_CASES} SET exchange_way = 'shop' WHERE kind = 'exchange'")
    _states((*_BEFORE, "carried", "swapped"))
    for name, rule in _CHECKS.items():
        op.execute(f"ALTER TABLE {_CASES} ADD CONSTRAINT ck_after_sale_cases_{name} CHECK ({rule})")
    op.create_index(
        "ix_after_sale_cases_to_carry",
        _CASES,
        ["case_id"],
        postgresql_where=sa.text("exchange_way = 'courier' AND state IN ('exchanging', 'carried')"),
    )
    lines = "after_sale_case_lines"
    op.add_column(lines, sa.Column("exchange_sku_id", sa.Uuid(), nullable=True))
    op.add_column(lines, sa.Column("exchange_name", sa.Text(), nullable=True))
    op.add_column(lines, sa.Column("exchange_option", sa.Text(), nullable=True))
    op.add_column(lines, sa.Column("exchange_unit_fen", sa.BigInteger(), nullable=True))
    op.add_column(
        lines, sa.Column("is_exchange_counted", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )


def downgrade() -> None:
    for name in ("is_exchange_counted", "exchange_unit_fen", "exchange_option", "exchange_name", "exchange_sku_id"):
        op.drop_column("after_sale_case_lines", name)
    op.drop_index("ix_after_sale_cases_to_carry", _CASES)
    for name in reversed(_CHECKS):
        op.execute(f"ALTER TABLE {_CASES} DROP CONSTRAINT ck_after_sale_cases_{name}")
    op.execute(f"UPDATE {_CASES} SET state = 'escalated' WHERE state IN ('carried', 'swapped')")
    _states(_BEFORE)
    for name in ("wrong_codes", "carriage_payer", "carriage_fen", "carrier_id", "difference_fen", "exchange_way"):
        op.drop_column(_CASES, name)
