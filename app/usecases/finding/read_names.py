"""The worker reads new names in pinyin, within a second; a name is found by its characters before that."""

from collections import defaultdict
from uuid import UUID

from sqlalchemy import text

from app.core.search.models import NameKind
from app.core.search.pinyin import reading_of
from app.kernel.transaction import transaction

BATCH = 500

_TAKE = text(
    """
    DELETE FROM unread_names WHERE subject_id IN (
        SELECT subject_id FROM unread_names ORDER BY subject_id LIMIT :limit FOR UPDATE SKIP LOCKED)
    RETURNING subject_id, kind, (SELECT words FROM searched_offers WHERE offer_id = subject_id) AS offer_words,
        (SELECT words FROM searched_shops WHERE shop_id = subject_id) AS shop_words
    """
)
_WRITE = {
    kind: text(
        f"""
        UPDATE searched_{kind}s AS z SET pinyin = r.reading
        FROM unnest(CAST(:ids AS uuid[]), CAST(:words AS text[]), CAST(:readings AS text[])) AS r (id, words, reading)
        WHERE z.{kind}_id = r.id AND z.words = r.words
        """
    )
    for kind in NameKind
}
"""A name that was changed meanwhile has been put up for reading again."""


def read_names(limit: int = BATCH) -> int:
    """Write the readings of up to ``limit`` names; return how many were looked at."""
    with transaction() as tx:
        rows = tx.execute(_TAKE, {"limit": limit}).fetchall()
        names: dict[NameKind, list[tuple[UUID, str]]] = defaultdict(list)
        for row in rows:
            words = row.offer_words if row.kind == NameKind.OFFER else row.shop_words
            if words is not None:
                names[NameKind(row.kind)].append((row.subject_id, words))
        for kind, named in names.items():
            tx.execute(
                _WRITE[kind],
                {
                    "ids": [subject_id for subject_id, _ in named],
                    "words": [words for _, words in named],
                    "readings": [reading_of(words) for _, words in named],
                },
            )
    return len(rows)
