"""What is written when somebody earns: fragments that use cases join into their closing statements."""

EARNED = """
earner AS (
    INSERT INTO settlement_accounts (party_kind, party_id, next_on)
    SELECT DISTINCT split_part(e.party_kind, '_', 1), e.party_id, CAST(:earned_on AS date) + 1
    FROM jsonb_to_recordset(CAST(:earnings AS jsonb)) AS e (party_kind text, party_id uuid)
    ON CONFLICT DO NOTHING
),
earned AS (
    INSERT INTO settlement_items (order_id, party_kind, party_id, amount_fen, fee_fen, promotion_fen, eligible_on)
    SELECT :order_id, e.party_kind, e.party_id, e.amount_fen, e.fee_fen, coalesce(e.promotion_fen, 0),
        CAST(:earned_on AS date) + coalesce((
        SELECT CAST(a.hold_days AS integer) FROM settlement_accounts AS a
        WHERE a.party_kind = split_part(e.party_kind, '_', 1) AND a.party_id = e.party_id), 1)
    FROM jsonb_to_recordset(CAST(:earnings AS jsonb))
        AS e (party_kind text, party_id uuid, amount_fen bigint, fee_fen bigint, promotion_fen bigint)
)"""
"""One item per earner, and an account to settle it by. Wants ``:earnings``, ``:earned_on`` and ``:order_id``."""
