"""Training records and applications of couriers, and their vehicles."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_VEHICLES = "vehicle IN ('foot', 'bicycle', 'e_bike', 'tricycle')"


def _id(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def _at(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))


def upgrade() -> None:
    op.add_column("couriers", sa.Column("vehicle", sa.Text(), server_default="e_bike", nullable=False))
    op.execute(f"ALTER TABLE couriers ADD CONSTRAINT ck_couriers_vehicle CHECK ({_VEHICLES}) NOT VALID")
    op.execute("ALTER TABLE couriers VALIDATE CONSTRAINT ck_couriers_vehicle")
    op.create_table(
        "training_records",
        _id("record_id"),
        _id("account_id"),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("percent", sa.BigInteger(), nullable=False),
        sa.Column("is_passed", sa.Boolean(), nullable=False),
        _at("taken_at"),
        sa.CheckConstraint("percent BETWEEN 0 AND 100", name=op.f("ck_training_records_percent_range")),
        _refers("training_records", "account_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_training_records")),
    )
    op.create_index(op.f("ix_training_records_account_id"), "training_records", ["account_id"])
    op.create_table(
        "courier_applications",
        _id("application_id"),
        _id("account_id"),
        _id("community_id"),
        sa.Column("vehicle", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        _at("submitted_at"),
        _at("decided_at", nullable=True),
        _id("decided_by_id", nullable=True),
        sa.CheckConstraint(_VEHICLES, name=op.f("ck_courier_applications_vehicle")),
        sa.CheckConstraint("state IN ('submitted', 'approved', 'refused')", name=op.f("ck_courier_applications_state")),
        _refers("courier_applications", "account_id", "accounts.account_id"),
        _refers("courier_applications", "community_id", "communities.community_id"),
        _refers("courier_applications", "decided_by_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("application_id", name=op.f("pk_courier_applications")),
    )
    for column in ("account_id", "community_id", "decided_by_id"):
        op.create_index(op.f(f"ix_courier_applications_{column}"), "courier_applications", [column])
    op.create_index(
        "uq_courier_applications_waiting",
        "courier_applications",
        ["account_id"],
        unique=True,
        postgresql_where=sa.text("state = 'submitted'"),
    )


def downgrade() -> None:
    op.drop_table("courier_applications")
    op.drop_table("training_records")
    op.drop_column("couriers", "vehicle")
