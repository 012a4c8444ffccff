"""Disputes of payments: what a payer's bank took back, and who bears it."""

import sqlalchemy as sa
from alembic import op

revision = "0094"
down_revision = "0093"
branch_labels = None
depends_on = None

APPROVALS_BEFORE = (
    "'correction', 'commission_rate', 'commission_rule', 'staff_role', 'payout', 'mismatch', 'term_product', "
    "'bill_outcome', 'biller_account', 'campaign'"
)
WORK_BEFORE = (
    "'shop_review', 'offer_review', 'paper_review', 'listing_claim', 'case_ruling', 'rating_appeal', 'incident', "
    "'mismatch', 'payout', 'approval', 'cash_difference'"
)

UNRESOLVED = "state IN ('needs_response', 'under_review') OR open_fen > 0"


def _kinds(table: str, kinds: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_kind"), table, type_="check")
    op.create_check_constraint(op.f(f"ck_{table}_kind"), table, f"kind IN ({kinds})")


def _id(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), nullable=False)


def _at(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _words(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _flag(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def _count(name: str, *, default: str | None = None) -> sa.Column[object]:
    return sa.Column(name, sa.BigInteger(), nullable=False, server_default=default)


def _check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))


def upgrade() -> None:
    op.create_table(
        "disputes",
        _id("dispute_id"),
        _words("gateway_dispute_id"),
        _id("attempt_id"),
        _id("payment_id"),
        _id("account_id"),
        _count("amount_fen"),
        _words("reason"),
        _words("state"),
        _flag("is_inquiry"),
        _flag("is_refundable"),
        _at("due_at", nullable=True),
        _count("taken_fen", default="0"),
        _count("met_fen", default="0"),
        _count("open_fen", default="0"),
        _words("bearer", nullable=True),
        _words("answer", nullable=True),
        _words("evidence_sealed", nullable=True),
        _count("answers_count", default="0"),
        _at("answered_at", nullable=True),
        _at("sent_at", nullable=True),
        _words("failure", nullable=True),
        _at("opened_at"),
        _at("heard_at"),
        _at("ended_at", nullable=True),
        _check("disputes", "state", "state IN ('needs_response', 'under_review', 'won', 'lost', 'closed')"),
        _check("disputes", "answer", "answer IN ('evidence', 'acceptance')"),
        _check("disputes", "bearer", "bearer IN ('platform', 'payer')"),
        _check("disputes", "amount_fen_positive", "amount_fen > 0"),
        _check("disputes", "answered_somehow", "(answer IS NULL) = (answered_at IS NULL)"),
        _check("disputes", "evidence_kept", "evidence_sealed IS NULL OR answer = 'evidence'"),
        _check("disputes", "sent_what_was_answered", "sent_at IS NULL OR answer IS NOT NULL"),
        _check("disputes", "taken_fen_not_negative", "taken_fen >= 0"),
        _check("disputes", "met_fen_not_negative", "met_fen >= 0"),
        _check("disputes", "open_fen_not_negative", "open_fen >= 0"),
        _refers("disputes", "attempt_id", "payment_attempts.attempt_id"),
        _refers("disputes", "payment_id", "payments.payment_id"),
        _refers("disputes", "account_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("dispute_id", name=op.f("pk_disputes")),
        sa.UniqueConstraint("gateway_dispute_id", name=op.f("uq_disputes_gateway_dispute_id")),
    )
    for column in ("attempt_id", "payment_id", "account_id"):
        op.create_index(op.f(f"ix_disputes_{column}"), "disputes", [column])
    op.execute(f"CREATE INDEX ix_disputes_unresolved ON disputes (dispute_id) WHERE {UNRESOLVED}")
    op.execute("CREATE INDEX ix_disputes_unsent ON disputes (dispute_id) WHERE answer IS NOT NULL AND sent_at IS NULL")
    op.create_table(
        "dispute_movements",
        _words("movement_id"),
        _id("dispute_id"),
        _words("kind"),
        _count("amount_fen"),
        sa.Column("booked_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        _check("dispute_movements", "kind", "kind IN ('dispute', 'dispute_reversal')"),
        _check("dispute_movements", "amount_fen_moves", "amount_fen <> 0"),
        _refers("dispute_movements", "dispute_id", "disputes.dispute_id"),
        sa.PrimaryKeyConstraint("movement_id", name=op.f("pk_dispute_movements")),
    )
    op.create_index(op.f("ix_dispute_movements_dispute_id"), "dispute_movements", ["dispute_id"])
    op.create_index("ix_dispute_movements_booked", "dispute_movements", ["booked_at"])
    op.add_column("refunds", sa.Column("dispute_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_refunds_dispute_id"), "refunds", "disputes", ["dispute_id"], ["dispute_id"])
    op.create_index(op.f("ix_refunds_dispute_id"), "refunds", ["dispute_id"])
    _kinds("approvals", f"{APPROVALS_BEFORE}, 'dispute_acceptance', 'dispute_loss'")
    _kinds("work_items", f"{WORK_BEFORE}, 'dispute'")


def downgrade() -> None:
    op.execute("DELETE FROM approvals WHERE kind IN ('dispute_acceptance', 'dispute_loss')")
    op.execute("DELETE FROM work_items WHERE kind = 'dispute'")
    _kinds("work_items", WORK_BEFORE)
    _kinds("approvals", APPROVALS_BEFORE)
    op.drop_index(op.f("ix_refunds_dispute_id"), "refunds")
    op.drop_column("refunds", "dispute_id")
    op.drop_table("dispute_movements")
    op.drop_table("disputes")
