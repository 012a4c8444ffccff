"""The platform gives a shop paid placement (广告) for some days, or ends it. Results in paid places are marked."""

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from app.core.catalog.errors import ShopNotFound
from app.core.search.errors import AdvertisementDatesInvalid
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, closing, opening, transaction

DAYS_MAX = 366

_LOCK = opening(
    """
    SELECT shop_id, CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date) AS today FROM shops
    WHERE shop_id = :shop_id FOR NO KEY UPDATE
    """
)
_SET = closing(
    """
    put AS (
        INSERT INTO advertisements (shop_id, starts_on, ends_on, set_by_id, set_at)
        VALUES (:shop_id, CAST(:starts_on AS date), CAST(:ends_on AS date), :account_id, business_now())
        ON CONFLICT (shop_id) DO UPDATE SET starts_on = excluded.starts_on, ends_on = excluded.ends_on,
            set_by_id = excluded.set_by_id, set_at = excluded.set_at
    )"""
)
_END = closing("ended AS (DELETE FROM advertisements WHERE shop_id = :shop_id)")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvertisementSet:
    """From when to when a shop's results take paid places; no days: not at all."""

    shop_id: UUID
    starts_on: date | None
    ends_on: date | None


def set_advertisement(actor: Actor, claim: Claim, *, shop_id: UUID, starts_on: date, ends_on: date) -> AdvertisementSet:
    """Give a shop paid places from ``starts_on`` to ``ends_on``, both included, instead of what it had.

    :raises AdvertisementDatesInvalid: it ends before it starts, has ended already, or runs too long.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK, {"shop_id": shop_id})
        if row is None:
            raise ShopNotFound
        if not max(starts_on, row.today) <= ends_on < starts_on + timedelta(days=DAYS_MAX):
            raise AdvertisementDatesInvalid(pointer="/ends_on", days_max=DAYS_MAX)
        done = AdvertisementSet(shop_id=shop_id, starts_on=starts_on, ends_on=ends_on)
        tx.keep(done)
        dates = {"starts_on": starts_on, "ends_on": ends_on}
        tx.close(_SET, {"shop_id": shop_id, "account_id": actor.account_id, **dates})
    return done


def end_advertisement(_actor: Actor, claim: Claim, *, shop_id: UUID) -> AdvertisementSet:
    """Take a shop's paid places away."""
    with transaction(claim) as tx:
        if tx.open_one(_LOCK, {"shop_id": shop_id}) is None:
            raise ShopNotFound
        done = AdvertisementSet(shop_id=shop_id, starts_on=None, ends_on=None)
        tx.keep(done)
        tx.close(_END, {"shop_id": shop_id})
    return done
