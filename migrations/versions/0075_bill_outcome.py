"""Two people may say what became of a payment of a bill."""

from alembic import op

revision = "0075"
down_revision = "0074"
branch_labels = None
depends_on = None

KINDS_BEFORE = "'correction', 'commission_rate', 'commission_rule', 'staff_role', 'payout', 'mismatch', 'term_product'"


def _kinds(kinds: str) -> None:
    op.drop_constraint(op.f("ck_approvals_kind"), "approvals", type_="check")
    op.create_check_constraint(op.f("ck_approvals_kind"), "approvals", f"kind IN ({kinds})")


def upgrade() -> None:
    _kinds(f"{KINDS_BEFORE}, 'bill_outcome'")


def downgrade() -> None:
    op.execute("DELETE FROM approvals WHERE kind = 'bill_outcome'")
    _kinds(KINDS_BEFORE)
