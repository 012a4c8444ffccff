"""What communities are told, in Chinese and in English, by the transaction that made it true."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from app.kernel.actor import Actor

TELL = """
    announced AS (
        INSERT INTO announcements (announcement_id, community_id, title, words, title_en, words_en, from_at, until_at,
            set_by_id)
        SELECT t.announcement_id, t.community_id, :title, :words, :title_en, :words_en,
            coalesce(CAST(:told_from AS timestamptz), business_now()), :told_until, :told_by_id
        FROM unnest(CAST(:announcement_ids AS uuid[]), CAST(:told_ids AS uuid[]))
            AS t (announcement_id, community_id)
    )"""
"""Tells it, in a closing; its parameters are :func:`telling`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """The words of an announcement."""

    title: str
    words: str
    title_en: str
    words_en: str


def telling(
    actor: Actor,
    message: Message,
    whom: Mapping[UUID, UUID | None],
    *,
    from_at: datetime | None = None,
    until_at: datetime,
) -> Mapping[str, object]:
    """Return the parameters of :data:`TELL`, from now on where ``from_at`` is not given.

    :param whom: announcement by announcement the community that is told, or none for all of them.
    """
    return {
        **asdict(message),
        "announcement_ids": list(whom),
        "told_ids": list(whom.values()),
        "told_from": from_at,
        "told_until": until_at,
        "told_by_id": actor.account_id,
    }
