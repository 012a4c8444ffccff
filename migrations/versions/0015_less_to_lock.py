"""Less to write and to lock for an order: the outbox is emptied, and orders name living rows without foreign keys."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

FROZEN = (
    ("orders", "shop_id", "shops"),
    ("orders", "merchant_id", "merchants"),
    ("orders", "community_id", "communities"),
    ("orders", "store_id", "stores"),
    ("order_lines", "sku_id", "skus"),
    ("trips", "community_id", "communities"),
)


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE receipts ADD COLUMN seq bigint, ADD COLUMN kind text, ADD COLUMN body jsonb,
            ADD COLUMN owed_at timestamptz NOT NULL DEFAULT clock_timestamp();
        UPDATE receipts AS r SET seq = o.seq, kind = o.kind, body = o.body FROM outbox AS o WHERE o.event_id = r.event_id;
        DELETE FROM receipts WHERE seq IS NULL AND state = 'done';
        ALTER TABLE receipts ALTER COLUMN seq SET NOT NULL, ALTER COLUMN kind SET NOT NULL,
            ALTER COLUMN body SET NOT NULL;
        DROP INDEX ix_receipts_waiting;
        CREATE INDEX ix_receipts_waiting ON receipts (seq) WHERE state = 'waiting';
        DELETE FROM outbox WHERE relayed_at IS NOT NULL;
        DROP INDEX ix_outbox_waiting;
        ALTER TABLE outbox DROP CONSTRAINT uq_outbox_event_id, DROP COLUMN relayed_at;
        """
    )
    for table, column, _ in FROZEN:
        op.drop_constraint(f"fk_{table}_{column}", table, type_="foreignkey")
    op.drop_index("ix_order_lines_sku_id", "order_lines")


def downgrade() -> None:
    op.create_index("ix_order_lines_sku_id", "order_lines", ["sku_id"])
    for table, column, parent in FROZEN:
        key = f"{parent.removesuffix('ies').removesuffix('s')}{'y' if parent.endswith('ies') else ''}_id"
        op.create_foreign_key(f"fk_{table}_{column}", table, parent, [column], [key])
    op.execute(
        """
        ALTER TABLE outbox ADD COLUMN relayed_at timestamptz, ADD CONSTRAINT uq_outbox_event_id UNIQUE (event_id);
        CREATE INDEX ix_outbox_waiting ON outbox (seq) WHERE relayed_at IS NULL;
        INSERT INTO outbox (seq, event_id, kind, body, recorded_at, relayed_at) OVERRIDING SYSTEM VALUE
        SELECT DISTINCT ON (event_id) seq, event_id, kind, body, owed_at, owed_at FROM receipts ORDER BY event_id;
        DROP INDEX ix_receipts_waiting;
        CREATE INDEX ix_receipts_waiting ON receipts (next_at) WHERE state = 'waiting';
        ALTER TABLE receipts DROP COLUMN seq, DROP COLUMN kind, DROP COLUMN body, DROP COLUMN owed_at;
        """
    )
