"""What a resident searched for and wants remembered (搜索历史): said by the client when a search is meant, not typed.

A search itself leaves nothing behind. One's own words are shown to oneself alone; what at least
:data:`PEOPLE_MIN` people searched for within a week is popular, and names nobody.
"""

from uuid import UUID

from sqlalchemy import text

from app.core.search.errors import WordsInvalid
from app.core.search.words import TERMS_MAX, read_words
from app.kernel.transaction import transaction

KEPT_MAX = 30
PEOPLE_MIN = 5
POPULAR_DAYS = 7

_REMEMBER = text(
    """
    WITH remembered AS (
        INSERT INTO recent_searches (account_id, words, searched_at) VALUES (:account_id, :words, business_now())
        ON CONFLICT (account_id, words) DO UPDATE SET searched_at = excluded.searched_at
    )
    DELETE FROM recent_searches WHERE account_id = :account_id AND words IN (
        SELECT words FROM recent_searches WHERE account_id = :account_id AND words <> :words
        ORDER BY searched_at DESC OFFSET :others_max)
    """
)
_FORGET = text(
    "DELETE FROM recent_searches WHERE account_id = :account_id AND (CAST(:words AS text) IS NULL OR words = :words)"
)


def remember_search(account_id: UUID, *, words: str) -> None:
    """Remember a search as the newest of the last :data:`KEPT_MAX`.

    :raises WordsInvalid: there is nothing to search for in it.
    """
    asked = read_words(words)
    if asked is None:
        raise WordsInvalid(pointer="/words", terms_max=TERMS_MAX)
    with transaction() as tx:
        tx.execute(_REMEMBER, {"account_id": account_id, "words": asked.whole, "others_max": KEPT_MAX - 1})


def forget_searches(account_id: UUID, *, words: str | None) -> None:
    """Forget one search, or all; one that is not there is forgotten already."""
    asked = None if words is None else read_words(words)
    if words is not None and asked is None:
        raise WordsInvalid(pointer="/words", terms_max=TERMS_MAX)
    with transaction() as tx:
        tx.execute(_FORGET, {"account_id": account_id, "words": asked and asked.whole})
