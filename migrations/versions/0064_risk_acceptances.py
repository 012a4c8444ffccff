"""Wanting more risk than one's level: asked for, confirmed after a cooling time."""

import sqlalchemy as sa
from alembic import op

revision = "0064"
down_revision = "0063"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "risk_acceptances",
        sa.Column("acceptance_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("assessment_id", sa.Uuid(), nullable=False),
        sa.Column("risk_level", sa.BigInteger(), nullable=False),
        *(
            sa.Column(name, sa.DateTime(timezone=True), nullable=False)
            for name in ("asked_at", "ready_at", "expires_at")
        ),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("risk_level BETWEEN 2 AND 5", name=op.f("ck_risk_acceptances_risk_level")),
        sa.CheckConstraint("confirmed_at >= ready_at", name=op.f("ck_risk_acceptances_cooled")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_risk_acceptances_account_id")),
        sa.ForeignKeyConstraint(
            ["assessment_id"], ["risk_assessments.assessment_id"], name=op.f("fk_risk_acceptances_assessment_id")
        ),
        sa.PrimaryKeyConstraint("acceptance_id", name=op.f("pk_risk_acceptances")),
    )
    op.create_index(op.f("ix_risk_acceptances_account_id"), "risk_acceptances", ["account_id"])
    op.create_index(op.f("ix_risk_acceptances_assessment_id"), "risk_acceptances", ["assessment_id"])


def downgrade() -> None:
    op.drop_table("risk_acceptances")
