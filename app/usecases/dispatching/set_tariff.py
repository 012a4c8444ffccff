"""What a community's trips pay from now on, set by an operator. Each change is a row; none is overwritten.

A trip keeps the pay that it was born with, whatever is set afterwards.
"""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.core.communities.errors import CommunityNotFound
from app.core.delivery.errors import WeatherTooLong
from app.core.delivery.pay import Tariff
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, closing, opening, transaction

BAD_WEATHER_MAX = timedelta(hours=24)
"""How far ahead the weather switch may be left on; it goes off by itself."""

_LOCK_COMMUNITY = opening(
    "SELECT community_id, business_now() AS now FROM communities "
    "WHERE community_id = :community_id AND merged_into_id IS NULL FOR NO KEY UPDATE"
)
_SET = closing(
    """
    added AS (
        INSERT INTO courier_tariffs (community_id, set_at, base_fen, drop_fen, step_fen, floor_fen, night_fen,
            weather_fen, bad_weather_until, set_by_id)
        VALUES (:community_id, business_now(), :base_fen, :drop_fen, :step_fen, :floor_fen, :night_fen, :weather_fen,
            CAST(:bad_weather_until AS timestamptz), :set_by_id)
        ON CONFLICT (community_id, set_at) DO UPDATE SET base_fen = excluded.base_fen, drop_fen = excluded.drop_fen,
            step_fen = excluded.step_fen, floor_fen = excluded.floor_fen, night_fen = excluded.night_fen,
            weather_fen = excluded.weather_fen, bad_weather_until = excluded.bad_weather_until,
            set_by_id = excluded.set_by_id
    )"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffSet:
    """What setting the tariff answers."""

    community_id: UUID
    base_fen: int
    drop_fen: int
    step_fen: int
    floor_fen: int
    night_fen: int
    weather_fen: int
    bad_weather_until: datetime | None


def set_tariff(
    actor: Actor, claim: Claim, *, community_id: UUID, tariff: Tariff, bad_weather_until: datetime | None
) -> TariffSet:
    """Let trips of a community that are born from now on pay by ``tariff``.

    :param bad_weather_until: until when the weather part is paid, at most a day ahead; None or past for not at all.
    :raises CommunityNotFound: there is none. :raises WeatherTooLong: the switch would stay on for too long.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_COMMUNITY, {"community_id": community_id})
        if row is None:
            raise CommunityNotFound
        if bad_weather_until is not None and bad_weather_until > row.now + BAD_WEATHER_MAX:
            raise WeatherTooLong(hours_max=24, pointer="/bad_weather_until")
        moved = TariffSet(community_id=community_id, bad_weather_until=bad_weather_until, **asdict(tariff))
        tx.keep(moved)
        tx.close(_SET, {**asdict(moved), "set_by_id": actor.account_id})
    return moved
