"""The latest word on a purpose is found by an index; tips take a step-up grant."""

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def _hold(purposes: str) -> None:
    op.execute("ALTER TABLE step_up_grants DROP CONSTRAINT ck_step_up_grants_purpose")
    op.execute(
        f"ALTER TABLE step_up_grants ADD CONSTRAINT ck_step_up_grants_purpose CHECK (purpose IN ({purposes})) NOT VALID"
    )
    op.execute("ALTER TABLE step_up_grants VALIDATE CONSTRAINT ck_step_up_grants_purpose")


def upgrade() -> None:
    op.execute("CREATE INDEX ix_consents_latest ON consents (account_id, purpose, consent_id DESC)")
    op.drop_index("ix_consents_account_id", "consents")
    _hold("'pay_checkout', 'tip_courier'")


def downgrade() -> None:
    op.execute("DELETE FROM step_up_grants WHERE purpose = 'tip_courier'")
    _hold("'pay_checkout'")
    op.create_index("ix_consents_account_id", "consents", ["account_id"])
    op.drop_index("ix_consents_latest", "consents")
