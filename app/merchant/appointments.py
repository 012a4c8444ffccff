"""Routes by which shops plan their providers and carry out appointments."""

from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.appointments.states import AppointmentState
from app.core.catalog.errors import ShopNotFound
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, transaction
from app.usecases.appointments.extras import ChargeStands, propose_charge
from app.usecases.appointments.providers import (
    ProviderPut,
    ProviderSaid,
    ServiceTermsSet,
    add_provider,
    change_provider,
    set_days_off,
    set_service_terms,
)
from app.usecases.appointments.visit import VisitStands
from app.usecases.appointments.visits import (
    check_in,
    finish_service,
    report_absent,
    set_out,
    withdraw_provider,
)
from app.web.appointments import ChargeStandsOut, VisitStandsOut
from app.web.cases import IS_MEMBER
from app.web.door import Door
from app.web.fields import Body, Choice, Day, Degrees, Fen, Flag, Id, Instant, Int, Many, Pattern, Query, Text
from app.web.hours import Hours
from app.web.policy import Relation, policy
from app.web.views import COUNT_MAX, LIST_MAX

_PROVIDERS = text(
    """
    SELECT p.provider_id, p.name, p.hours, p.is_active,
        coalesce((SELECT json_agg(k.offer_id) FROM provider_skills AS k WHERE k.provider_id = p.provider_id), '[]')
            AS offer_ids,
        coalesce((SELECT json_agg(a.community_id) FROM provider_areas AS a WHERE a.provider_id = p.provider_id), '[]')
            AS community_ids,
        (SELECT count(*) FROM provider_breaches AS b WHERE b.provider_id = p.provider_id) AS breaches
    FROM service_providers AS p WHERE p.shop_id = :shop_id ORDER BY p.lane LIMIT 200
    """
)
_VISITS = text(
    """
    SELECT p.order_id, o.number, p.provider_id, v.name AS provider_name, p.state, p.starts_at, p.ends_at, o.note
    FROM appointments AS p JOIN orders AS o ON o.order_id = p.order_id
    JOIN service_providers AS v ON v.provider_id = p.provider_id
    WHERE p.shop_id = :shop_id AND p.state <> 'held'
      AND CAST(p.starts_at AT TIME ZONE 'Asia/Shanghai' AS date) = :day
    ORDER BY p.starts_at, p.order_id LIMIT 500
    """
)


class ProviderIn(Body):
    """Who does which services in which communities, and when they work."""

    name = Text(high=50, required=True)
    offer_ids = Many(Id(), low=1, high=100, required=True)
    community_ids = Many(Id(), low=1, high=200, required=True)
    hours = Hours(required=True)
    is_active = Flag(load_default=True)


class ProviderPutOut(Body):
    """The provider."""

    provider_id = Id(required=True)


class ProviderOut(ProviderIn):
    """A provider, and how often they let somebody down."""

    offer_ids = Many(Id(), high=100, required=True)
    community_ids = Many(Id(), high=200, required=True)
    provider_id = Id(required=True)
    breaches = Int(low=0, high=COUNT_MAX, required=True)


class ProvidersOut(Body):
    """A shop's providers."""

    items = Many(fields.Nested(ProviderOut), high=LIST_MAX, required=True)


class DaysOffIn(Body):
    """All days off that are to come."""

    days = Many(Day(), high=366, required=True)


class ServiceTermsIn(Body):
    """How long a service takes, the way and the tidying behind it, and how long beforehand it is ordered."""

    duration_minutes = Int(low=15, high=720, required=True)
    buffer_minutes = Int(low=0, high=240, required=True)
    lead_minutes = Int(low=0, high=10_080, required=True)


class ServiceTermsOut(ServiceTermsIn):
    """What holds from now on."""

    sku_id = Id(required=True)


class VisitsQuery(Query):
    """A day of Shanghai."""

    day = Day(required=True)


class VisitOut(Body):
    """An appointment as its shop sees it."""

    order_id = Id(required=True)
    number = Text(high=20, required=True)
    provider_id = Id(required=True)
    provider_name = Text(high=50, required=True)
    state = Choice(AppointmentState, required=True)
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    note = Text(high=200, low=0, required=True)


class VisitsOut(Body):
    """A shop's appointments of a day."""

    items = Many(fields.Nested(VisitOut), high=LIST_MAX, required=True)


class CheckInIn(Body):
    """The resident's code, and where one stands."""

    code = Pattern(r"[0-9]{4}", high=4, required=True)
    lat = Degrees(bound=90, required=True)
    lng = Degrees(bound=180, required=True)


class AbsenceIn(Body):
    """Where one stands: at the door that nobody opens."""

    lat = Degrees(bound=90, required=True)
    lng = Degrees(bound=180, required=True)


class FinishIn(Body):
    """How much of the service was done; the rest goes back."""

    done_percent = Int(low=1, high=100, load_default=100)


class ChargeIn(Body):
    """How much more, and what for."""

    amount_fen = Fen(low=1, high=1_000_000, required=True)
    reason = Text(high=200, required=True)


def _said(body: dict[str, Any]) -> ProviderSaid:
    return ProviderSaid(**body)


def add_providers(door: Door) -> None:
    """Add the routes by which a shop plans."""

    @door.get("/shops/<uuid:shop_id>/providers", answer=ProvidersOut)
    @policy("shop.read", Relation.OWN_SHOP)
    def list_providers(actor: Actor, *, shop_id: UUID) -> dict[str, Any]:
        """List who does a shop's services."""
        params = {"shop_id": shop_id, **actor.as_member}
        with transaction() as tx:
            if tx.execute(IS_MEMBER, params).first() is None:
                raise ShopNotFound
            return {"items": [dict(row._mapping) for row in tx.execute(_PROVIDERS, {"shop_id": shop_id})]}

    @door.post("/shops/<uuid:shop_id>/providers", body=ProviderIn, answer=ProviderPutOut, status=201, once=True)
    @policy("provider.write", Relation.OWN_SHOP)
    def create_provider(actor: Actor, *, claim: Claim, shop_id: UUID, body: dict[str, Any]) -> ProviderPut:
        """Add somebody who does services of a shop."""
        return add_provider(actor, claim, shop_id=shop_id, said=_said(body))

    @door.put("/providers/<uuid:provider_id>", body=ProviderIn, answer=ProviderPutOut, once=True)
    @policy("provider.write", Relation.OWN_SHOP)
    def put_provider(actor: Actor, *, claim: Claim, provider_id: UUID, body: dict[str, Any]) -> ProviderPut:
        """Say anew what a provider does, where and when."""
        return change_provider(actor, claim, provider_id=provider_id, said=_said(body))

    @door.put("/providers/<uuid:provider_id>/days-off", body=DaysOffIn, answer=ProviderPutOut, once=True)
    @policy("provider.write", Relation.OWN_SHOP)
    def put_days_off(actor: Actor, *, claim: Claim, provider_id: UUID, body: dict[str, Any]) -> ProviderPut:
        """Say on which days a provider does not work."""
        return set_days_off(actor, claim, provider_id=provider_id, **body)

    @door.put(
        "/shops/<uuid:shop_id>/skus/<uuid:sku_id>/service-terms", body=ServiceTermsIn, answer=ServiceTermsOut, once=True
    )
    @policy("offer.write", Relation.OWN_SHOP)
    def put_service_terms(
        actor: Actor, *, claim: Claim, shop_id: UUID, sku_id: UUID, body: dict[str, int]
    ) -> ServiceTermsSet:
        """Say how long a service takes."""
        return set_service_terms(actor, claim, shop_id=shop_id, sku_id=sku_id, **body)


def add_visits(door: Door) -> None:
    """Add the routes by which a shop carries out appointments."""

    @door.get("/shops/<uuid:shop_id>/appointments", query=VisitsQuery, answer=VisitsOut)
    @policy("order.read", Relation.OWN_SHOP)
    def list_visits(actor: Actor, *, shop_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
        """List a shop's appointments of a day."""
        with transaction() as tx:
            if tx.execute(IS_MEMBER, {"shop_id": shop_id, **actor.as_member}).first() is None:
                raise ShopNotFound
            return {"items": [dict(row._mapping) for row in tx.execute(_VISITS, {"shop_id": shop_id, **query})]}

    @door.post("/orders/<uuid:order_id>/appointment/departure", answer=VisitStandsOut, once=True)
    @policy("order.ready", Relation.OWN_SHOP)
    def depart(actor: Actor, *, claim: Claim, order_id: UUID) -> VisitStands:
        """Say that the provider is on the way."""
        return set_out(actor, claim, order_id=order_id)

    @door.post("/orders/<uuid:order_id>/appointment/check-in", body=CheckInIn, answer=VisitStandsOut, once=True)
    @policy("order.ready", Relation.OWN_SHOP)
    def arrive(actor: Actor, *, claim: Claim, order_id: UUID, body: dict[str, Any]) -> VisitStands:
        """Begin a service at the resident's door, with the resident's code."""
        return check_in(actor, claim, order_id=order_id, **body)

    @door.post("/orders/<uuid:order_id>/appointment/finish", body=FinishIn, answer=VisitStandsOut, once=True)
    @policy("order.ready", Relation.OWN_SHOP)
    def finish(actor: Actor, *, claim: Claim, order_id: UUID, body: dict[str, int]) -> VisitStands:
        """Say that a service is done, or how much of it."""
        return finish_service(actor, claim, order_id=order_id, **body)

    @door.post("/orders/<uuid:order_id>/appointment/absence", body=AbsenceIn, answer=VisitStandsOut, once=True)
    @policy("order.ready", Relation.OWN_SHOP)
    def resident_absent(actor: Actor, *, claim: Claim, order_id: UUID, body: dict[str, Any]) -> VisitStands:
        """Say, at the door, that the resident is not there."""
        return report_absent(actor, claim, order_id=order_id, **body)

    @door.post("/orders/<uuid:order_id>/appointment/withdrawal", answer=VisitStandsOut, once=True)
    @policy("order.cancel", Relation.OWN_SHOP)
    def provider_withdraws(actor: Actor, *, claim: Claim, order_id: UUID) -> VisitStands:
        """Say that the provider cannot come: another is found, or all goes back."""
        return withdraw_provider(actor, claim, order_id=order_id)

    @door.post(
        "/orders/<uuid:order_id>/appointment/extra-charges",
        body=ChargeIn,
        answer=ChargeStandsOut,
        status=201,
        once=True,
    )
    @policy("order.ready", Relation.OWN_SHOP)
    def charge_extra(actor: Actor, *, claim: Claim, order_id: UUID, body: dict[str, Any]) -> ChargeStands:
        """Propose an extra charge; it counts once the resident has paid it."""
        return propose_charge(actor, claim, order_id=order_id, **body)
