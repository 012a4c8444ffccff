"""Tills of experience stores, the agent desk, cash on its way, and their accounts in the books."""

import sqlalchemy as sa
from alembic import op

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None


def _id(name: str, *, null: bool = False) -> sa.Column:
    return sa.Column(name, sa.Uuid(), nullable=null)


def _fen(name: str, *, null: bool = False) -> sa.Column:
    return sa.Column(name, sa.BigInteger(), nullable=null)


def _at(name: str, *, null: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=null)


def _words(name: str) -> sa.Column:
    return sa.Column(name, sa.Text(), nullable=False)


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))


def _check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def _tills() -> None:
    op.create_table(
        "tills",
        _id("till_id"),
        _id("store_id"),
        _words("name"),
        _words("state"),
        _fen("cash_fen"),
        _id("shift_id", null=True),
        _id("in_charge_id", null=True),
        sa.Column("business_on", sa.Date(), nullable=True),
        _fen("last_number"),
        sa.Column("counted_on", sa.Date(), nullable=True),
        _fen("day_in_fen"),
        _fen("day_out_fen"),
        _fen("proven_seq"),
        _fen("proven_fen"),
        _check("tills", "state", "state IN ('closed', 'open')"),
        *(
            _check("tills", f"{name}_not_negative", f"{name} >= 0")
            for name in ("cash_fen", "day_in_fen", "day_out_fen")
        ),
        _check("tills", "open_in_a_shift", "(state = 'open') = (shift_id IS NOT NULL)"),
        _refers("tills", "store_id", "stores.store_id"),
        _refers("tills", "in_charge_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("till_id", name=op.f("pk_tills")),
        sa.UniqueConstraint("store_id", "name", name=op.f("uq_tills_store_id_name")),
        postgresql_with={"fillfactor": 70},
    )
    op.create_table(
        "till_shifts",
        _id("shift_id"),
        _id("till_id"),
        _id("clerk_id"),
        sa.Column("business_on", sa.Date(), nullable=False),
        _at("opened_at"),
        _fen("opening_fen"),
        _at("closed_at", null=True),
        _id("closed_by_id", null=True),
        _fen("expected_fen", null=True),
        _fen("counted_fen", null=True),
        _refers("till_shifts", "till_id", "tills.till_id"),
        _refers("till_shifts", "clerk_id", "accounts.account_id"),
        _refers("till_shifts", "closed_by_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("shift_id", name=op.f("pk_till_shifts")),
    )
    op.create_index(
        "ix_till_shifts_open", "till_shifts", ["till_id"], unique=True, postgresql_where=sa.text("closed_at IS NULL")
    )


def _transfers() -> None:
    op.create_table(
        "cash_transfers",
        _id("transfer_id"),
        _id("from_till_id", null=True),
        _id("to_till_id", null=True),
        _fen("amount_fen"),
        _words("state"),
        _id("sent_by_id"),
        _at("sent_at"),
        _id("received_by_id", null=True),
        _fen("received_fen", null=True),
        _at("ended_at", null=True),
        _check("cash_transfers", "state", "state IN ('sent', 'received', 'differing', 'canceled')"),
        _check("cash_transfers", "amount_fen_positive", "amount_fen > 0"),
        _check("cash_transfers", "two_people", "received_by_id <> sent_by_id"),
        _check("cash_transfers", "a_till_at_one_end", "from_till_id IS NOT NULL OR to_till_id IS NOT NULL"),
        _check("cash_transfers", "two_tills", "from_till_id <> to_till_id"),
        _refers("cash_transfers", "from_till_id", "tills.till_id"),
        _refers("cash_transfers", "to_till_id", "tills.till_id"),
        _refers("cash_transfers", "sent_by_id", "accounts.account_id"),
        _refers("cash_transfers", "received_by_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("transfer_id", name=op.f("pk_cash_transfers")),
    )
    op.create_index(
        "ix_cash_transfers_open",
        "cash_transfers",
        ["transfer_id"],
        postgresql_where=sa.text("state IN ('sent', 'differing')"),
    )


def _acts() -> None:
    op.create_table(
        "till_acts",
        _id("till_act_id"),
        _id("till_id"),
        _id("shift_id"),
        _fen("number"),
        _words("kind"),
        _fen("amount_fen"),
        _fen("cash_after_fen"),
        _id("clerk_id"),
        _id("account_id", null=True),
        _id("transfer_id", null=True),
        _at("done_at"),
        _check(
            "till_acts",
            "kind",
            "kind IN ('opening', 'cash_in', 'cash_out', 'sent', 'received', 'taken_back', 'closing')",
        ),
        _check("till_acts", "cash_after_fen_not_negative", "cash_after_fen >= 0"),
        _refers("till_acts", "till_id", "tills.till_id"),
        _refers("till_acts", "shift_id", "till_shifts.shift_id"),
        _refers("till_acts", "clerk_id", "accounts.account_id"),
        _refers("till_acts", "account_id", "accounts.account_id"),
        _refers("till_acts", "transfer_id", "cash_transfers.transfer_id"),
        sa.PrimaryKeyConstraint("till_act_id", name=op.f("pk_till_acts")),
        sa.UniqueConstraint("till_id", "number", name=op.f("uq_till_acts_till_id_number")),
    )
    op.create_index(op.f("ix_till_acts_till_id_till_act_id"), "till_acts", ["till_id", "till_act_id"])


def _visits() -> None:
    op.create_table(
        "desk_codes",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        _id("account_id"),
        _at("expires_at"),
        _at("used_at", null=True),
        _refers("desk_codes", "account_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_desk_codes")),
    )
    op.create_table(
        "desk_visits",
        _id("visit_id"),
        _id("store_id"),
        _id("clerk_id"),
        _id("account_id"),
        _words("means"),
        _at("opened_at"),
        _at("expires_at"),
        _at("confirmed_at", null=True),
        _fen("confirmed_fen_max", null=True),
        _check("desk_visits", "means", "means IN ('code', 'id_card')"),
        _refers("desk_visits", "store_id", "stores.store_id"),
        _refers("desk_visits", "clerk_id", "accounts.account_id"),
        _refers("desk_visits", "account_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("visit_id", name=op.f("pk_desk_visits")),
    )


_INDEXES = {
    "tills": ("store_id", "in_charge_id"),
    "till_shifts": ("till_id", "clerk_id", "closed_by_id"),
    "cash_transfers": ("from_till_id", "to_till_id", "sent_by_id", "received_by_id"),
    "till_acts": ("shift_id", "clerk_id", "account_id", "transfer_id"),
    "desk_codes": ("account_id",),
    "desk_visits": ("store_id", "clerk_id", "account_id", "opened_at"),
}


def upgrade() -> None:
    _tills()
    _transfers()
    _acts()
    _visits()
    for table, columns in _INDEXES.items():
        for column in columns:
            op.create_index(op.f(f"ix_{table}_{column}"), table, [column])
    op.execute(
        """
        INSERT INTO ledger.account_kind
            (kind, title_zh, owner_kind, qualifier, sign, floor_fen, stripes, opens_by_itself, has_statement, meaning)
        VALUES
            ('till_cash', '钱箱现金', 'store', 'uuid', -1, NULL, 1, true, false, 'cash in one till of a store'),
            ('cash_in_transit', '在途现金', 'store', 'uuid', -1, NULL, 1, true, false,
             'cash on its way between two tills or the bank; empty when it arrived whole'),
            ('cash_shortage', '现金短款', 'party', 'uuid', -1, NULL, 1, true, false,
             'owed by who was in charge of a till for cash that was missing when it closed')
        """
    )


def downgrade() -> None:
    for table in ("desk_visits", "desk_codes", "till_acts", "cash_transfers", "till_shifts", "tills"):
        op.drop_table(table)
