"""Who people are: identities, the questions to outside parties, and verification face to face."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def _id(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), nullable=False)


def _at(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))


def upgrade() -> None:
    op.create_table(
        "identities",
        _id("account_id"),
        _text("name_sealed"),
        _text("number_sealed"),
        sa.Column("number_index", sa.LargeBinary(), nullable=False),
        _at("verified_at"),
        _refers("identities", "account_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_identities")),
        sa.UniqueConstraint("number_index", name=op.f("uq_identities_number_index")),
    )
    op.create_table(
        "identity_checks",
        _id("check_id"),
        _id("account_id"),
        sa.Column("level", sa.BigInteger(), nullable=False),
        _text("channel"),
        _text("state"),
        _text("name_sealed"),
        _text("number_sealed"),
        sa.Column("number_index", sa.LargeBinary(), nullable=False),
        _at("requested_at"),
        _at("answered_at", nullable=True),
        sa.CheckConstraint(
            "channel IN ('public_security', 'bank_card', 'mobile_carrier')", name=op.f("ck_identity_checks_channel")
        ),
        sa.CheckConstraint(
            "state IN ('requested', 'unknown', 'passed', 'mismatched')", name=op.f("ck_identity_checks_state")
        ),
        _refers("identity_checks", "account_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("check_id", name=op.f("pk_identity_checks")),
    )
    op.create_index(op.f("ix_identity_checks_account_id"), "identity_checks", ["account_id"])
    op.create_table(
        "face_codes",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        _id("account_id"),
        _at("expires_at"),
        _at("used_at", nullable=True),
        _refers("face_codes", "account_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_face_codes")),
    )
    op.create_index(op.f("ix_face_codes_account_id"), "face_codes", ["account_id"])
    op.create_table(
        "face_checks",
        _id("face_check_id"),
        _id("account_id"),
        _id("store_id"),
        _id("clerk_id"),
        _text("state"),
        _text("photo_sealed", nullable=True),
        _at("opened_at"),
        _at("ended_at", nullable=True),
        sa.CheckConstraint("state IN ('open', 'confirmed', 'refused')", name=op.f("ck_face_checks_state")),
        _refers("face_checks", "account_id", "accounts.account_id"),
        _refers("face_checks", "store_id", "stores.store_id"),
        _refers("face_checks", "clerk_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("face_check_id", name=op.f("pk_face_checks")),
    )
    for column in ("account_id", "store_id", "clerk_id"):
        op.create_index(op.f(f"ix_face_checks_{column}"), "face_checks", [column])


def downgrade() -> None:
    for table in ("face_checks", "face_codes", "identity_checks", "identities"):
        op.drop_table(table)
