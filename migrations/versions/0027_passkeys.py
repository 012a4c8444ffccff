"""Passkeys, their challenges, by what a session began, and what people are told of their account's security."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_PURPOSES = "purpose IN ('sign_in', 'reset_pin', 'set_password', 'add_passkey')"
_OLD_PURPOSES = "purpose IN ('sign_in', 'reset_pin', 'set_password')"


def _hold(table: str, column: str, rule: str) -> None:
    name = f"ck_{table}_{column}"
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({rule}) NOT VALID")
    op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")


def _at(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "passkeys",
        sa.Column("passkey_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("is_backed_up", sa.Boolean(), nullable=False),
        sa.Column("name_sealed", sa.Text(), nullable=False),
        _at("pays_from"),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        _at("last_used_at", nullable=True),
        _at("stopped_at", nullable=True),
        sa.CheckConstraint("sign_count >= 0", name=op.f("ck_passkeys_sign_count_not_negative")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_passkeys_account_id")),
        sa.PrimaryKeyConstraint("passkey_id", name=op.f("pk_passkeys")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_passkeys_credential_id")),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index(op.f("ix_passkeys_account_id"), "passkeys", ["account_id"])
    op.create_table(
        "passkey_challenges",
        sa.Column("challenge_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("challenge", sa.LargeBinary(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("side", sa.Text(), nullable=True),
        sa.Column("device", sa.Text(), nullable=True),
        sa.Column("phone_index", sa.LargeBinary(), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("amount_fen_max", sa.BigInteger(), nullable=True),
        _at("expires_at"),
        _at("used_at", nullable=True),
        sa.CheckConstraint(
            "purpose IN ('register', 'sign_in', 'confirm', 'pay')", name=op.f("ck_passkey_challenges_purpose")
        ),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.session_id"], name=op.f("fk_passkey_challenges_session_id")),
        sa.PrimaryKeyConstraint("challenge_id", name=op.f("pk_passkey_challenges")),
    )
    op.create_index(op.f("ix_passkey_challenges_session_id"), "passkey_challenges", ["session_id"])
    op.create_index(op.f("ix_passkey_challenges_expires_at"), "passkey_challenges", ["expires_at"])
    op.create_table(
        "security_notices",
        sa.Column("notice_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column(
            "noticed_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        _at("sent_at", nullable=True),
        sa.CheckConstraint(
            "kind IN ('new_device', 'passkey_added', 'passkey_removed', 'passkey_stopped', 'password_removed', "
            "'password_set', 'pin_set')",
            name=op.f("ck_security_notices_kind"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_security_notices_account_id")),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_security_notices")),
    )
    op.create_index(op.f("ix_security_notices_account_id"), "security_notices", ["account_id"])
    op.create_index(op.f("ix_security_notices_noticed_at"), "security_notices", ["noticed_at"])
    op.add_column("sandbox_messages", sa.Column("kind", sa.Text(), server_default="code", nullable=False))
    _hold("sandbox_messages", "kind", "kind IN ('code', 'notice')")
    op.add_column("sessions", sa.Column("factor", sa.Text(), server_default="code", nullable=False))
    _hold("sessions", "factor", "factor IN ('code', 'password', 'passkey')")
    _hold("sign_in_codes", "purpose", _PURPOSES)
    _hold("step_up_grants", "factor", "factor IN ('pin', 'passkey')")


def downgrade() -> None:
    op.execute("DELETE FROM step_up_grants WHERE factor = 'passkey'")
    _hold("step_up_grants", "factor", "factor IN ('pin')")
    op.execute("DELETE FROM sign_in_codes WHERE purpose = 'add_passkey'")
    _hold("sign_in_codes", "purpose", _OLD_PURPOSES)
    op.drop_column("sessions", "factor")
    op.execute("DELETE FROM sandbox_messages WHERE kind = 'notice'")
    op.drop_column("sandbox_messages", "kind")
    op.drop_table("security_notices")
    op.drop_table("passkey_challenges")
    op.drop_table("passkeys")
