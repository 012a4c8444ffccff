"""Counters of what people pay from balances, and the functions that move them ahead of a posting."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

COUNT = """
CREATE FUNCTION count_payment(p_account uuid, p_fen bigint, p_periods text[], p_caps bigint[]) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. cardinality(p_periods) LOOP
        INSERT INTO public.limit_counters AS c (account_id, period, used_fen)
        SELECT p_account, p_periods[i], p_fen WHERE p_fen <= p_caps[i]
        ON CONFLICT (account_id, period) DO UPDATE SET used_fen = c.used_fen + excluded.used_fen
        WHERE c.used_fen <= p_caps[i] - excluded.used_fen;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'payment limit exceeded' USING ERRCODE = 'LV001', DETAIL = format('%s %s %s',
                p_periods[i], p_caps[i], coalesce((SELECT used_fen FROM public.limit_counters
                    WHERE account_id = p_account AND period = p_periods[i]), 0));
        END IF;
    END LOOP;
    RETURN true;
END $$
"""
GIVE_BACK = """
CREATE FUNCTION give_back_payment(p_account uuid, p_fen bigint, p_periods text[]) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. cardinality(p_periods) LOOP
        UPDATE public.limit_counters SET used_fen = greatest(0, used_fen - p_fen)
        WHERE account_id = p_account AND period = p_periods[i];
    END LOOP;
    RETURN true;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "limit_counters",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("used_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("used_fen >= 0", name=op.f("ck_limit_counters_used_fen_not_negative")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_limit_counters_account_id")),
        sa.PrimaryKeyConstraint("account_id", "period", name=op.f("pk_limit_counters")),
        postgresql_with={"fillfactor": 70},
    )
    op.execute(COUNT)
    op.execute(GIVE_BACK)


def downgrade() -> None:
    op.execute("DROP FUNCTION count_payment")
    op.execute("DROP FUNCTION give_back_payment")
    op.drop_table("limit_counters")
