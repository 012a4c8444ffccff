"""Search forgets sizes of offers that were taken off the shelf."""

from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

_KEEP = """
CREATE OR REPLACE FUNCTION keep_searched_offer(changed_id uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    known_words text;
    fresh searched_offers;
BEGIN
    SELECT words INTO known_words FROM searched_offers WHERE offer_id = changed_id;
    SELECT f.offer_id, f.shop_id, search_words(f.name), NULL, min(k.price_fen), s.lat, s.lng INTO fresh
    FROM offers AS f JOIN shops AS s ON s.shop_id = f.shop_id JOIN skus AS k ON k.offer_id = f.offer_id{alive}
    WHERE f.offer_id = changed_id AND f.state = 'on_sale' GROUP BY f.offer_id, s.shop_id;
    IF NOT FOUND THEN
        DELETE FROM searched_offers WHERE offer_id = changed_id;
    ELSE
        INSERT INTO searched_offers SELECT fresh.* ON CONFLICT (offer_id) DO UPDATE
        SET price_fen = excluded.price_fen, words = excluded.words,
            pinyin = CASE WHEN searched_offers.words = excluded.words THEN searched_offers.pinyin END;
        IF known_words IS DISTINCT FROM fresh.words THEN
            INSERT INTO unread_names (subject_id, kind) VALUES (changed_id, 'offer') ON CONFLICT DO NOTHING;
        END IF;
    END IF;
END
$$;
"""
_ALIVE = " AND k.removed_at IS NULL"
_STALE = """
    SELECT keep_searched_offer(gone.offer_id)
    FROM (SELECT DISTINCT offer_id FROM skus WHERE removed_at IS NOT NULL) AS gone
"""


def _watch(columns: str) -> None:
    op.execute(
        f"CREATE OR REPLACE TRIGGER sku_is_searched AFTER INSERT OR UPDATE OF {columns} OR DELETE ON skus"
        " FOR EACH ROW EXECUTE FUNCTION sku_was_changed()"
    )


def upgrade() -> None:
    op.execute(_KEEP.format(alive=_ALIVE))
    _watch("price_fen, removed_at")
    op.execute(_STALE)


def downgrade() -> None:
    op.execute(_KEEP.format(alive=""))
    _watch("price_fen")
