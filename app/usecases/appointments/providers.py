"""What a shop says of its services: how long they take, who does them, where and when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from app.core.appointments.errors import AreaUnknown, ProviderNotFound, SkillUnknown
from app.core.catalog.errors import HoursInvalid, ShopNotFound, SkuNotFound
from app.core.catalog.models import OfferKind
from app.core.catalog.rules import are_hours_sound
from app.core.vouchers.errors import VoucherSold
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction

_MEMBER = """
    JOIN memberships AS m ON m.organization_id = s.merchant_id AND m.organization_kind = 'merchant'
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
"""
_LOCK_SHOP = opening(f"SELECT s.shop_id FROM shops AS s {_MEMBER} WHERE s.shop_id = :shop_id FOR UPDATE OF s")
_LOCK_PROVIDER = opening(
    f"""
    SELECT p.provider_id, p.shop_id FROM service_providers AS p JOIN shops AS s ON s.shop_id = p.shop_id {_MEMBER}
    WHERE p.provider_id = :provider_id FOR UPDATE OF p
    """
)
_LOCK_SKU = opening(
    f"""
    SELECT k.sku_id, f.kind FROM skus AS k JOIN offers AS f ON f.offer_id = k.offer_id
    JOIN shops AS s ON s.shop_id = k.shop_id
    {_MEMBER} WHERE k.shop_id = :shop_id AND k.sku_id = :sku_id FOR UPDATE OF k
    """
)
_KNOWN = text(
    """
    SELECT (SELECT array_agg(f.offer_id) FROM offers AS f
            WHERE f.shop_id = :shop_id AND f.kind = 'service' AND f.state <> 'removed'
              AND f.offer_id = ANY (CAST(:offer_ids AS uuid[]))) AS offers,
           (SELECT array_agg(c.community_id) FROM communities AS c
            WHERE c.merged_into_id IS NULL AND c.community_id = ANY (CAST(:community_ids AS uuid[]))) AS communities
    """
)
_PUT = closing(
    """
    provider AS (
        INSERT INTO service_providers (provider_id, shop_id, name, hours, is_active)
        VALUES (:provider_id, :shop_id, :name, CAST(:hours AS jsonb), :is_active)
        ON CONFLICT (provider_id) DO UPDATE SET name = excluded.name, hours = excluded.hours,
            is_active = excluded.is_active
    ),
    skills_gone AS (
        DELETE FROM provider_skills WHERE provider_id = :provider_id AND offer_id <> ALL (CAST(:offer_ids AS uuid[]))
    ),
    skills AS (
        INSERT INTO provider_skills (provider_id, offer_id) SELECT :provider_id, unnest(CAST(:offer_ids AS uuid[]))
        ON CONFLICT DO NOTHING
    ),
    areas_gone AS (
        DELETE FROM provider_areas
        WHERE provider_id = :provider_id AND community_id <> ALL (CAST(:community_ids AS uuid[]))
    ),
    areas AS (
        INSERT INTO provider_areas (provider_id, community_id)
        SELECT :provider_id, unnest(CAST(:community_ids AS uuid[])) ON CONFLICT DO NOTHING
    )"""
)
_DAYS_OFF = closing(
    """
    gone AS (DELETE FROM provider_days_off WHERE provider_id = :provider_id AND day <> ALL (CAST(:days AS date[]))),
    come AS (
        INSERT INTO provider_days_off (provider_id, day) SELECT :provider_id, unnest(CAST(:days AS date[]))
        ON CONFLICT DO NOTHING
    )"""
)
_SET_TERMS = closing(
    """
    set_terms AS (
        INSERT INTO service_terms (sku_id, duration_minutes, buffer_minutes, lead_minutes)
        VALUES (:sku_id, :duration_minutes, :buffer_minutes, :lead_minutes)
        ON CONFLICT (sku_id) DO UPDATE SET duration_minutes = excluded.duration_minutes,
            buffer_minutes = excluded.buffer_minutes, lead_minutes = excluded.lead_minutes
    )"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderPut:
    """A provider that was added or changed."""

    provider_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTermsSet:
    """How long a service takes from now on."""

    sku_id: UUID
    duration_minutes: int
    buffer_minutes: int
    lead_minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSaid:
    """What a shop says of a provider.

    :param offer_ids: services of the shop. :param hours: as a shop's hours.
    """

    name: str
    offer_ids: Sequence[UUID]
    community_ids: Sequence[UUID]
    hours: Mapping[str, Any]
    is_active: bool = True


def add_provider(actor: Actor, claim: Claim, *, shop_id: UUID, said: ProviderSaid) -> ProviderPut:
    """Add somebody who does services of a shop.

    :raises ShopNotFound: it is not the actor's. :raises HoursInvalid, SkillUnknown, AreaUnknown: of what is said.
    """
    with transaction(claim) as tx:
        if tx.open_one(_LOCK_SHOP, {"shop_id": shop_id, **actor.as_member}) is None:
            raise ShopNotFound
        return _put(tx, new_id(), shop_id, said)


def change_provider(actor: Actor, claim: Claim, *, provider_id: UUID, said: ProviderSaid) -> ProviderPut:
    """Say anew what a provider does, where and when; what is booked stays booked.

    :raises ProviderNotFound: it is not one of the actor's shops.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_PROVIDER, {"provider_id": provider_id, **actor.as_member})
        if row is None:
            raise ProviderNotFound
        return _put(tx, provider_id, row.shop_id, said)


def _put(tx: Transaction, provider_id: UUID, shop_id: UUID, said: ProviderSaid) -> ProviderPut:
    if not are_hours_sound(said.hours):
        raise HoursInvalid(pointer="/hours")
    named = {"shop_id": shop_id, "offer_ids": list(said.offer_ids), "community_ids": list(said.community_ids)}
    known = tx.execute(_KNOWN, named).one()
    strange = set(said.offer_ids) - set(known.offers or [])
    if strange:
        raise SkillUnknown(offer_id=min(strange), pointer="/offer_ids")
    nowhere = set(said.community_ids) - set(known.communities or [])
    if nowhere:
        raise AreaUnknown(community_id=min(nowhere), pointer="/community_ids")
    put = ProviderPut(provider_id=provider_id)
    tx.keep(put)
    hours = orjson.dumps(said.hours).decode()
    tx.close(
        _PUT,
        {**named, "provider_id": provider_id, "name": said.name, "hours": hours, "is_active": said.is_active},
    )
    return put


def set_days_off(actor: Actor, claim: Claim, *, provider_id: UUID, days: Sequence[date]) -> ProviderPut:
    """Say on which days a provider does not work; what is booked then stays booked.

    :raises ProviderNotFound: it is not one of the actor's shops.
    """
    with transaction(claim) as tx:
        if tx.open_one(_LOCK_PROVIDER, {"provider_id": provider_id, **actor.as_member}) is None:
            raise ProviderNotFound
        put = ProviderPut(provider_id=provider_id)
        tx.keep(put)
        tx.close(_DAYS_OFF, {"provider_id": provider_id, "days": list(days)})
    return put


def set_service_terms(
    actor: Actor,
    claim: Claim,
    *,
    shop_id: UUID,
    sku_id: UUID,
    duration_minutes: int,
    buffer_minutes: int,
    lead_minutes: int,
) -> ServiceTermsSet:
    """Say how long a service takes.

    :raises SkuNotFound: it is not on a shelf of the actor's. :raises VoucherSold: it is no service.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_SKU, {"shop_id": shop_id, "sku_id": sku_id, **actor.as_member})
        if row is None:
            raise SkuNotFound
        if row.kind != OfferKind.SERVICE:
            raise VoucherSold
        terms = ServiceTermsSet(
            sku_id=sku_id,
            duration_minutes=duration_minutes,
            buffer_minutes=buffer_minutes,
            lead_minutes=lead_minutes,
        )
        tx.keep(terms)
        tx.close(
            _SET_TERMS,
            {
                "sku_id": sku_id,
                "duration_minutes": duration_minutes,
                "buffer_minutes": buffer_minutes,
                "lead_minutes": lead_minutes,
            },
        )
    return terms
