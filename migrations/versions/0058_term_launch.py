"""Term products are put on sale by two people."""

from alembic import op

revision = "0058"
down_revision = "0057"
branch_labels = None
depends_on = None

KINDS_BEFORE = "'correction', 'commission_rate', 'commission_rule', 'staff_role', 'payout', 'mismatch'"


def _kinds(kinds: str) -> None:
    op.drop_constraint(op.f("ck_approvals_kind"), "approvals", type_="check")
    op.create_check_constraint(op.f("ck_approvals_kind"), "approvals", f"kind IN ({kinds})")


def upgrade() -> None:
    _kinds(f"{KINDS_BEFORE}, 'term_product'")


def downgrade() -> None:
    op.execute("DELETE FROM approvals WHERE kind = 'term_product'")
    _kinds(KINDS_BEFORE)
