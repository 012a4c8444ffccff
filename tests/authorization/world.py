"""A small world with everybody in it, and every kind of thing that a path can name, seen from each of them.

A path parameter, or an id that a body or query needs, is a *kind*. :data:`SUBJECTS` says for each side and kind which
thing is one's own, one of the same shop, a stranger's, or was removed. A route with a kind that is not here fails with
a message that says so: add a line.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from app.core.accounts.models import PLATFORM_ID, MemberRole, OrganizationKind
from app.core.accounts.permissions import Part
from app.core.catalog.models import SkuRow
from app.core.counter.models import CounterPaymentRow, CounterWay
from app.core.orders.models import Fulfillment
from app.core.orders.states import OrderState
from app.core.passkeys.models import ChallengePurpose
from app.core.privacy.models import DataExportRow
from app.core.proof.rules import PhotoUse
from app.core.settlement.models import SettledParty
from app.core.visiting.checklist import CHECKLISTS, VERSION
from app.kernel.actor import Side
from app.kernel.clock import wall_now
from app.kernel.ids import new_id
from app.kernel.sealing import seal
from app.usecases.privacy.data_export import FILE_CONTEXT
from app.usecases.shopping.cart import put_in_cart
from tests.factories import (
    AnOrder,
    Person,
    Shop,
    a_courier,
    a_merchant_with_shop,
    a_paper,
    a_resident,
    an_address,
    an_offer,
    an_order,
)
from tests.factories.activities import a_signup, an_activity
from tests.factories.bills import a_bill_difference, a_bill_payment, a_biller, a_binding, a_desk_quote, a_quote
from tests.factories.listings import a_listing, a_listing_claim
from tests.factories.operating import a_table_export, an_announcement, an_audit_flag
from tests.factories.parcels import a_parcel, a_returning_case
from tests.factories.people import a_member, signed_in
from tests.factories.photos import a_photo
from tests.factories.products import a_product
from tests.factories.promotions import a_campaign
from tests.factories.queueing import a_ticket, an_open_desk
from tests.factories.reconciling import a_dispute, a_mismatch
from tests.factories.rows import change, look_one, write
from tests.factories.settling import a_payout, a_statement
from tests.factories.shop_desks import a_shop_desk
from tests.factories.tills import a_remittance, a_till, a_visit
from tests.factories.transfers import a_payee
from tests.factories.vans import a_van_visit
from tests.factories.visiting import a_sample, a_shop_visit
from tests.factories.wealth import a_fund, a_fund_order, a_plan, a_subscription, a_term_product, an_acceptance
from tests.support.passkeys import a_challenge, a_passkey, removed_passkey
from tests.support.vetting import an_application

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID

    from tests.factories import Offer


class Relation(StrEnum):
    """What the asker is to the thing."""

    OWN = "own"
    SAME_SHOP = "same shop"
    FOREIGN = "foreign"
    LESSER = "foreign, where one is less"
    MIXED = "own above, foreign below"
    ABSENT = "absent"
    DELETED = "deleted"


@dataclass(frozen=True)
class Principal:
    """Somebody signed in, in one part.

    :param name: as the report calls them.
    :param home: the neighborhood whose things are theirs.
    :param lesser: the part they have in the other neighborhood.
    """

    name: str
    person: Person
    part: Part
    home: Neighborhood
    other: Neighborhood
    lesser: Part | None = None

    @property
    def side(self) -> Side:
        return self.person.side

    def anew(self) -> Person:
        """Return the person in a session of its own, for acts that end one."""
        return signed_in(self.person.account_id, self.side)


def a_review(order: AnOrder) -> None:
    """Let an order have a review, whatever its state."""
    change(
        """
        INSERT INTO reviews (review_id, order_id, account_id, shop_id, stars, words, state, reviewed_at)
        VALUES (:review_id, :order_id, :account_id, :shop_id, 5, '', 'shown', business_now())
        """,
        review_id=new_id(),
        order_id=order.order_id,
        account_id=order.resident.account_id,
        shop_id=order.shop.shop_id,
    )


def a_photo_of(order: AnOrder) -> UUID:
    """Return a photo that a case about the order shows."""
    return a_photo(order.resident, order.order_id, use=PhotoUse.CASE, is_kept=True)


def an_activity_near(shop: Shop, person: Person) -> UUID:
    """Return an event for a community in which ``person`` has an address from then on."""
    an_address(person, near=shop)
    return an_activity(shop).activity_id


def a_place_at(shop: Shop, person: Person) -> UUID:
    """Return the sign-up of ``person`` for an event."""
    return a_signup(an_activity_near(shop, person), person).signup_id


def a_locked_shared_cart(owner: Person) -> UUID:
    """Return the id of a shared cart; one that lived before is closed."""
    shared_cart_id = new_id()
    change("UPDATE shared_carts SET state = 'closed' WHERE owner_id = :id", id=owner.account_id)
    change(
        """
        WITH opened AS (
            INSERT INTO shared_carts (shared_cart_id, owner_id, state, opened_at, expires_at)
            VALUES (:id, :owner_id, 'locked', business_now(), business_now() + interval '2 hours')
        )
        INSERT INTO shared_cart_members (shared_cart_id, account_id, joined_at) VALUES (:id, :owner_id, business_now())
        """,
        id=shared_cart_id,
        owner_id=owner.account_id,
    )
    return shared_cart_id


@dataclass
class Neighborhood:
    """A shop with its merchant, a store, residents and couriers, and orders at every stop of their way."""

    shop: Shop = field(default_factory=a_merchant_with_shop)

    def __post_init__(self) -> None:
        self.order = an_order(shop=self.shop, state=OrderState.IN_DELIVERY)
        self.resident = self.order.resident
        self.neighbors = an_order(shop=self.shop, state=OrderState.IN_DELIVERY)
        self.counter = an_order(shop=self.shop, state=OrderState.READY, fulfillment=Fulfillment.STORE_PICKUP)
        self.neighbors_counter = an_order(shop=self.shop, state=OrderState.READY, fulfillment=Fulfillment.STORE_PICKUP)
        self.open = an_order(shop=self.shop, state=OrderState.PREPARING)
        for order in (self.order, self.neighbors, self.counter, self.neighbors_counter, self.open):
            a_review(order)
        self.offer = an_offer(self.shop)
        self.removed_offer = an_offer(self.shop, state="removed")

    def member(self, side: Side, role: MemberRole) -> Person:
        if side is Side.PLATFORM:
            return a_member(side, OrganizationKind.PLATFORM, PLATFORM_ID, role)
        if side is Side.STORE:
            return a_member(side, OrganizationKind.STORE, self.shop.store_id, role)
        return a_member(side, OrganizationKind.MERCHANT, self.shop.merchant_id, role)

    def face_check(self, clerk: Person) -> UUID:
        face_check_id = new_id()
        change(
            """
            INSERT INTO face_checks (face_check_id, account_id, store_id, clerk_id, state, opened_at)
            VALUES (:face_check_id, :account_id, :store_id, :clerk_id, 'open', business_now())
            """,
            face_check_id=face_check_id,
            account_id=a_resident().account_id,
            store_id=self.shop.store_id,
            clerk_id=clerk.account_id,
        )
        return face_check_id

    def trip_offer(self, courier: Person) -> UUID:
        trip_offer_id = new_id()
        change(
            """
            WITH decided AS (
                INSERT INTO dispatch_decisions (decision_id, trip_id, policy, candidate_count, alternatives, decided_at)
                VALUES (:decision_id, :trip_id, 'nearest', 1, CAST(:alternatives AS jsonb), business_now())
            )
            INSERT INTO trip_offers (trip_offer_id, trip_id, courier_id, decision_id, state, fee_fen, offered_at,
                expires_at)
            VALUES (:trip_offer_id, :trip_id, :courier_id, :decision_id, 'expired', 300, business_now(), business_now())
            """,
            decision_id=new_id(),
            alternatives=f'[{{"courier_id": "{courier.account_id}", "cost": 1, "to_shop_m": 9, "is_chosen": true}}]',
            trip_offer_id=trip_offer_id,
            trip_id=self.open.trip_id,
            courier_id=courier.account_id,
        )
        return trip_offer_id

    def slot(self, courier: Person) -> UUID:
        slot_id = new_id()
        change(
            """
            INSERT INTO shift_slots (slot_id, community_id, courier_id, state, starts_at, ends_at, published_by)
            VALUES (:slot_id, :community_id, :courier_id, 'passed', business_now() + interval '1 day',
                business_now() + interval '26 hours', :courier_id)
            """,
            slot_id=slot_id,
            community_id=self.shop.community_id,
            courier_id=courier.account_id,
        )
        return slot_id

    def rating(self, courier: Person, *, state: str = "counted") -> UUID:
        rating_id, order = new_id(), an_order(shop=self.shop)
        change(
            """
            INSERT INTO courier_ratings (rating_id, order_id, account_id, courier_id, stars, marks, state, rated_at,
                appeal, appealed_at)
            VALUES (:rating_id, :order_id, :account_id, :courier_id, 1, '[]', :state, business_now(), 'late shop',
                business_now())
            """,
            rating_id=rating_id,
            order_id=order.order_id,
            account_id=order.resident.account_id,
            courier_id=courier.account_id,
            state=state,
        )
        return rating_id

    def incident(self) -> UUID:
        incident_id = new_id()
        change(
            """
            INSERT INTO incidents (incident_id, courier_id, store_id, kind, is_sos, state, opened_at)
            VALUES (:incident_id, :courier_id, :store_id, 'other', false, 'open', business_now())
            """,
            incident_id=incident_id,
            courier_id=self.order.carrier.account_id,
            store_id=self.shop.store_id,
        )
        return incident_id

    def case(self, order: AnOrder, state: str = "applied") -> UUID:
        case_id = new_id()
        change(
            """
            WITH opened AS (
                INSERT INTO after_sale_cases (case_id, order_id, account_id, shop_id, merchant_id, kind, reason, state,
                    asked_fen, applied_at, moved_at, due_at)
                VALUES (:case_id, :order_id, :account_id, :shop_id, :merchant_id, 'refund_only', 'damaged', :state, 1,
                    business_now(), business_now(), business_now() + interval '2 days')
            )
            INSERT INTO after_sale_case_lines (case_id, order_id, line, quantity, asked_fen)
            VALUES (:case_id, :order_id, 1, 1, 1)
            """,
            case_id=case_id,
            order_id=order.order_id,
            account_id=order.resident.account_id,
            shop_id=order.shop.shop_id,
            merchant_id=order.shop.merchant_id,
            state=state,
        )
        return case_id

    def provider(self) -> UUID:
        provider_id = new_id()
        change(
            "INSERT INTO service_providers (provider_id, shop_id, name, hours) VALUES (:id, :shop_id, 'x', '{}')",
            id=provider_id,
            shop_id=self.shop.shop_id,
        )
        return provider_id

    def charge(self, order: AnOrder) -> UUID:
        charge_id = new_id()
        change(
            """
            INSERT INTO appointments (order_id, shop_id, sku_id, provider_id, state, starts_at, ends_at, buffer_minutes)
            VALUES (:order_id, :shop_id, :sku_id, :provider_id, 'in_service', business_now(),
                business_now() + interval '1 hour', 0) ON CONFLICT DO NOTHING
            """,
            order_id=order.order_id,
            shop_id=self.shop.shop_id,
            sku_id=self.offer.sku_id,
            provider_id=self.provider(),
        )
        change(
            """
            INSERT INTO extra_charges (charge_id, order_id, amount_fen, reason, state, proposed_at)
            VALUES (:charge_id, :order_id, 1, 'x', 'proposed', business_now())
            """,
            charge_id=charge_id,
            order_id=order.order_id,
        )
        return charge_id

    def voucher(self, order: AnOrder) -> UUID:
        voucher_id = new_id()
        change(
            """
            INSERT INTO vouchers (voucher_id, order_id, line, account_id, shop_id, code_digest, state, uses, uses_left,
                value_fen, value_left_fen, issued_at, expires_at)
            VALUES (:voucher_id, :order_id, 1, :account_id, :shop_id, uuid_send(:voucher_id), 'used', 1, 0, 1, 0,
                business_now(), business_now())
            """,
            voucher_id=voucher_id,
            order_id=order.order_id,
            account_id=order.resident.account_id,
            shop_id=order.shop.shop_id,
        )
        return voucher_id

    def replacement(self, order: AnOrder) -> UUID:
        replacement_id = new_id()
        change("DELETE FROM replacements WHERE order_id = :order_id", order_id=order.order_id)
        change(
            """
            INSERT INTO replacements (replacement_id, order_id, line, sku_id, name, option, unit_price_fen, quantity,
                is_counted, state, offered_at, due_at)
            VALUES (:replacement_id, :order_id, 1, :sku_id, 'x', '', 1, 1, false, 'offered', business_now(),
                business_now())
            """,
            replacement_id=replacement_id,
            order_id=order.order_id,
            sku_id=self.offer.sku_id,
        )
        return replacement_id

    def invitation(self, account_id: UUID, side: Side) -> UUID:
        invitation_id = new_id()
        by = self.shop.owner if side is Side.MERCHANT else self.member(side, MemberRole.MANAGER)
        change(
            """
            INSERT INTO invitations (invitation_id, organization_kind, organization_id, role, phone_index, invited_by,
                state, invited_at, expires_at)
            SELECT :invitation_id, :kind, :organization_id, 'clerk', phone_index, :by, 'open', clock_timestamp(),
                clock_timestamp() + interval '1 hour'
            FROM accounts WHERE account_id = :account_id
            """,
            invitation_id=invitation_id,
            kind=side.value,
            organization_id=self.shop.merchant_id if side is Side.MERCHANT else self.shop.store_id,
            by=by.account_id,
            account_id=account_id,
        )
        return invitation_id

    def approval(self) -> UUID:
        approval_id = new_id()
        change(
            """
            INSERT INTO approvals (approval_id, kind, body, why, state, requested_by, requested_at, expires_at)
            VALUES (:approval_id, 'correction', '{}', 'CASE-1', 'open', :by, clock_timestamp(), clock_timestamp())
            """,
            approval_id=approval_id,
            by=a_resident().account_id,
        )
        return approval_id

    def removed_address(self, resident: Person) -> UUID:
        address_id = an_address(resident, near=self.shop)
        change("UPDATE addresses SET removed_at = business_now() WHERE address_id = :id", id=address_id)
        return address_id


@dataclass
class World:
    """Two neighborhoods, and everybody who can come in."""

    home: Neighborhood = field(default_factory=Neighborhood)
    other: Neighborhood = field(default_factory=Neighborhood)
    principals: list[Principal] = field(default_factory=list)

    def __post_init__(self) -> None:
        home, order = self.home, self.home.order
        suspended = an_order(shop=home.shop, state=OrderState.IN_DELIVERY)
        self.suspended_order = suspended
        a_review(suspended)
        self._add("resident", home.resident, Part.RESIDENT)
        self._add("suspended resident", suspended.resident, Part.SUSPENDED)
        for role in (MemberRole.OWNER, MemberRole.MANAGER, MemberRole.CLERK):
            self._add(f"merchant {role}", home.member(Side.MERCHANT, role), Part(role.value))
        for role in (MemberRole.MANAGER, MemberRole.CLERK, MemberRole.AGENT):
            self._add(f"store {role}", home.member(Side.STORE, role), Part(role.value))
        for role in (MemberRole.REVIEWER, MemberRole.FINANCE, MemberRole.SUPPORT, MemberRole.ADMIN):
            self._add(f"platform {role}", home.member(Side.PLATFORM, role), Part(role.value))
        self._add("courier on this task", order.carrier, Part.COURIER)
        self._add("courier on another", home.neighbors.carrier, Part.COURIER)
        self._add("courier idle", a_courier(community=home.shop.community), Part.COURIER)
        self._add("courier suspended", suspended.carrier, Part.SUSPENDED)
        change("UPDATE accounts SET state = 'suspended' WHERE account_id = :id", id=suspended.resident.account_id)
        change("UPDATE couriers SET state = 'suspended' WHERE courier_id = :id", id=suspended.carrier.account_id)
        self._add_lesser("owner here, clerk there", Side.MERCHANT, MemberRole.OWNER, MemberRole.CLERK)
        self._add_lesser("manager here, agent there", Side.STORE, MemberRole.MANAGER, MemberRole.AGENT)

    def _add(self, name: str, person: Person, part: Part, lesser: Part | None = None) -> None:
        self.principals.append(Principal(name, person, part, self.home, self.other, lesser))

    def _add_lesser(self, name: str, side: Side, here: MemberRole, there: MemberRole) -> None:
        person = self.home.member(side, here)
        change(
            "INSERT INTO memberships (account_id, organization_kind, organization_id, role) VALUES (:a, :k, :o, :r)",
            a=person.account_id,
            k=side.value,
            o=self.other.shop.merchant_id if side is Side.MERCHANT else self.other.shop.store_id,
            r=there.value,
        )
        self._add(name, person, Part(here.value), Part(there.value))

    def of(self, side: Side) -> list[Principal]:
        """Return who comes in by ``side``."""
        return [principal for principal in self.principals if principal.side is side]

    def task_of(self, courier: Person) -> AnOrder | None:
        """Return the order that ``courier`` carries in the home neighborhood."""
        carried = (self.home.order, self.home.neighbors, self.suspended_order)
        return next((order for order in carried if order.carrier.account_id == courier.account_id), None)

    def another_courier(self, courier: Person) -> Person:
        """Return a courier of the home neighborhood who is not ``courier``."""
        carrier = self.home.order.carrier
        return self.home.neighbors.carrier if carrier.account_id == courier.account_id else carrier

    def order_of(self, resident: Person) -> AnOrder:
        """Return the order of a resident of the home neighborhood."""
        return self.suspended_order if resident == self.suspended_order.resident else self.home.order


def _never(_world: World, _principal: Principal) -> UUID | None:
    return None


@dataclass(frozen=True)
class Things:
    """One kind of thing as one side sees it; what returns None does not exist in that relation."""

    own: Callable[[World, Principal], UUID | None]
    foreign: Callable[[World, Principal], UUID | None]
    same_shop: Callable[[World, Principal], UUID | None] = _never
    deleted: Callable[[World, Principal], UUID | None] = _never
    is_public: bool = False
    """Anybody at the side may name it: a shop, a community, a SKU on sale."""
    is_same_shop_ours: bool = False
    """Things of the same shop or store are as good as one's own."""

    def get(self, relation: Relation, world: World, principal: Principal) -> UUID | None:
        """Return a thing that stands in ``relation`` to ``principal``."""
        if relation is Relation.ABSENT:
            return new_id()
        choice = {
            Relation.OWN: self.own,
            Relation.SAME_SHOP: self.same_shop,
            Relation.FOREIGN: self.foreign,
            Relation.LESSER: self.foreign,
            Relation.DELETED: self.deleted,
        }
        return choice[relation](world, principal)


def _carried(name: str) -> Things:
    def own(world: World, principal: Principal) -> UUID | None:
        task = world.task_of(principal.person)
        found: UUID | None = getattr(task, name) if task else None
        return found

    def same_shop(world: World, principal: Principal) -> UUID | None:
        task = world.task_of(principal.person)
        found: UUID = getattr(world.home.neighbors if task is world.home.order else world.home.order, name)
        return found

    return Things(own=own, same_shop=same_shop, foreign=lambda world, _: getattr(world.other.order, name))


def an_export(person: Person) -> UUID:
    """Return an export of ``person``'s data that is ready."""
    export_id = new_id()
    now = wall_now()
    sealed = seal(base64.b64encode(b"zip").decode(), context=FILE_CONTEXT)
    write(DataExportRow, export_id=export_id, account_id=person.account_id, state="ready", file_sealed=sealed,
          requested_at=now, expires_at=now + timedelta(days=7))  # fmt: skip
    return export_id


def _bought(name: str) -> Things:
    return Things(
        own=lambda world, principal: getattr(world.order_of(principal.person), name),
        same_shop=lambda world, _: getattr(world.home.neighbors, name),
        foreign=lambda world, _: getattr(world.other.order, name),
    )


def _colleague(side: Side) -> Things:
    return Things(
        own=lambda world, _: world.home.member(side, MemberRole.CLERK).account_id,
        foreign=lambda world, _: world.other.member(side, MemberRole.CLERK).account_id,
    )


def _invited(side: Side) -> Things:
    return Things(
        own=lambda world, _: world.home.invitation(a_resident().account_id, side),
        foreign=lambda world, _: world.other.invitation(a_resident().account_id, side),
    )


def _handed_in() -> Things:
    return Things(
        own=lambda world, _: a_paper(world.home.shop),
        foreign=lambda world, _: a_paper(world.other.shop),
    )


def _listing(place: Neighborhood) -> UUID:
    return a_listing(place.shop.community, name=f"店{new_id()}")


def _claim(place: Neighborhood) -> UUID:
    """Claim a listing anew; what the merchant claimed before is withdrawn, since so many may wait and no more."""
    earlier = "UPDATE listing_claims SET state = 'withdrawn' WHERE merchant_id = :id AND state = 'submitted'"
    change(earlier, id=place.shop.merchant_id)
    return a_listing_claim(place.shop, _listing(place))


def _claimed() -> Things:
    return Things(own=lambda world, _: _claim(world.home), foreign=lambda world, _: _claim(world.other))


def _another_sku(offer: Offer) -> UUID:
    sku_id = new_id()
    columns = {"shop_id": offer.shop_id, "price_fen": 1_000, "packing_fen": 0, "quantity_max": 99}
    write(SkuRow, sku_id=sku_id, offer_id=offer.offer_id, option=str(sku_id), **columns)
    return sku_id


def _public(get: Callable[[Neighborhood], UUID]) -> Things:
    return Things(own=lambda world, _: get(world.home), foreign=lambda world, _: get(world.other), is_public=True)


def _a_desk(place: Neighborhood) -> UUID:
    """Return a desk of the shop that was appointed; the one before has ended, since a shop is one at a time."""
    change("UPDATE shop_desks SET state = 'ended' WHERE shop_id = :id", id=place.shop.shop_id)
    return a_shop_desk(place.shop)


def an_import(shop: Shop, asker: Person) -> UUID:
    """A file of offers that was read; return its id."""
    import_id = new_id()
    change(
        """INSERT INTO shelf_imports (import_id, shop_id, account_id, state, mode, is_dry_run, asked_at, ended_at)
        VALUES (:import_id, :shop_id, :account_id, 'done', 'all_or_none', false, business_now(), business_now())""",
        import_id=import_id,
        shop_id=shop.shop_id,
        account_id=asker.account_id,
    )
    return import_id


def _a_waiting_trip(place: Neighborhood) -> UUID:
    trip_id = an_order(state=OrderState.READY, shop=place.shop).trip_id
    assert trip_id is not None
    return trip_id


def _a_till(place: Neighborhood, clerk: Person, *, is_open: bool = True) -> UUID:
    return a_till(clerk, store_id=place.shop.store_id, is_open=is_open)


def _a_till_act(place: Neighborhood, clerk: Person) -> UUID:
    till_id = _a_till(place, clerk)
    found: UUID = look_one("SELECT till_act_id FROM till_acts WHERE till_id = :id", id=till_id)
    return found


def _a_transfer(place: Neighborhood, clerk: Person) -> UUID:
    """Cash from one till of a store to another of it, so that the store is both its ends."""
    by = place.member(Side.STORE, MemberRole.CLERK)
    sender = a_till(by, store_id=place.shop.store_id, cash_fen=500)
    return a_remittance(by, sender, 100, _a_till(place, clerk))


def _at_counter(place: Neighborhood, payer: Person) -> UUID:
    payment_id = new_id()
    write(
        CounterPaymentRow,
        counter_payment_id=payment_id,
        account_id=payer.account_id,
        shop_id=place.shop.shop_id,
        merchant_id=place.shop.merchant_id,
        way=CounterWay.SHOP_CODE.value,
        amount_fen=100,
        fee_fen=0,
        commission_rule="shop",
        commission_bp=0,
        paid_at=wall_now(),
        eligible_on=date(2999, 1, 1),
    )
    return payment_id


def _a_ticket(place: Neighborhood, person: Person | None = None) -> UUID:
    """Return the ticket of somebody who has none there today, as one who comes again has another."""
    resident = person or a_resident()
    change("UPDATE desk_tickets SET state = 'canceled' WHERE account_id = :a", a=resident.account_id)
    an_open_desk(place.shop.store_id)
    return a_ticket(place.shop.store_id, resident).ticket_id


def _quoted_at_desk(person: Person) -> UUID:
    return a_desk_quote(person, a_binding(person, a_biller(is_prepaid=True)), None)


def _quoted(person: Person) -> UUID:
    return a_quote(person, a_binding(person, a_biller(is_prepaid=True)), None)


def _ended(person: Person) -> UUID:
    session_id = signed_in(person.account_id, person.side).session_id
    change("UPDATE sessions SET ended_at = clock_timestamp() WHERE session_id = :id", id=session_id)
    return session_id


_SESSION = Things(
    own=lambda _, principal: principal.anew().session_id,
    foreign=lambda world, principal: signed_in(world.other.resident.account_id, principal.side).session_id,
    deleted=lambda _, principal: _ended(principal.person),
)

_PASSKEY = Things(
    own=lambda _, principal: a_passkey(principal.person),
    foreign=lambda world, _: a_passkey(world.other.resident),
    deleted=lambda _, principal: removed_passkey(principal.person),
)

_CHALLENGE = Things(
    own=lambda _, principal: a_challenge(principal.person, ChallengePurpose.REGISTER),
    foreign=lambda world, _: a_challenge(world.other.resident, ChallengePurpose.REGISTER),
    deleted=lambda _, principal: a_challenge(principal.person, ChallengePurpose.REGISTER, is_used=True),
)

SUBJECTS: Mapping[tuple[Side, str], Things] = {
    **{(side, "passkey_id"): _PASSKEY for side in Side},
    **{(side, "challenge_id"): _CHALLENGE for side in Side},
    **{(side, "session_id"): _SESSION for side in Side},
    (Side.USER, "order_id"): _bought("order_id"),
    (Side.USER, "checkout_id"): _bought("checkout_id"),
    (Side.USER, "shared_cart_id"): Things(
        own=lambda _, principal: a_locked_shared_cart(principal.person),
        foreign=lambda world, _: a_locked_shared_cart(world.other.order.resident),
    ),
    (Side.USER, "signup_id"): Things(
        own=lambda world, principal: a_place_at(world.home.shop, principal.person),
        foreign=lambda world, _: a_place_at(world.other.shop, world.other.order.resident),
    ),
    (Side.USER, "activity_id"): Things(
        own=lambda world, principal: an_activity_near(world.home.shop, principal.person),
        foreign=lambda world, _: an_activity(world.other.shop).activity_id,
    ),
    (Side.USER, "payment_id"): _bought("payment_id"),
    (Side.USER, "export_id"): Things(
        own=lambda _, principal: an_export(principal.person),
        foreign=lambda world, _: an_export(world.other.order.resident),
    ),
    (Side.USER, "case_id"): Things(
        own=lambda world, principal: world.home.case(world.order_of(principal.person)),
        same_shop=lambda world, _: world.home.case(world.home.neighbors),
        foreign=lambda world, _: world.other.case(world.other.order),
    ),
    (Side.USER, "photo_id"): Things(
        own=lambda world, principal: a_photo_of(world.order_of(principal.person)),
        same_shop=lambda world, _: a_photo_of(world.home.neighbors),
        foreign=lambda world, _: a_photo_of(world.other.order),
    ),
    (Side.MERCHANT, "photo_id"): Things(
        own=lambda world, _: a_photo_of(world.home.order),
        same_shop=lambda world, _: a_photo_of(world.home.neighbors),
        foreign=lambda world, _: a_photo_of(world.other.order),
        is_same_shop_ours=True,
    ),
    (Side.PLATFORM, "photo_id"): Things(
        own=lambda world, _: a_photo_of(world.home.order),
        foreign=lambda world, _: a_photo_of(world.other.order),
        is_public=True,
    ),
    (Side.COURIER, "photo_id"): Things(
        own=lambda world, principal: a_photo(
            principal.person, (world.task_of(principal.person) or world.home.order).order_id, is_kept=True
        ),
        same_shop=lambda world, principal: a_photo(
            world.another_courier(principal.person), world.home.neighbors.order_id, is_kept=True
        ),
        foreign=lambda world, _: a_photo(world.other.order.carrier, world.other.order.order_id, is_kept=True),
    ),
    (Side.USER, "replacement_id"): Things(
        own=lambda world, principal: world.home.replacement(world.order_of(principal.person)),
        same_shop=lambda world, _: world.home.replacement(world.home.neighbors),
        foreign=lambda world, _: world.other.replacement(world.other.order),
    ),
    (Side.MERCHANT, "provider_id"): Things(
        own=lambda world, _: world.home.provider(), foreign=lambda world, _: world.other.provider()
    ),
    (Side.USER, "charge_id"): Things(
        own=lambda world, principal: world.home.charge(world.order_of(principal.person)),
        same_shop=lambda world, _: world.home.charge(world.home.neighbors),
        foreign=lambda world, _: world.other.charge(world.other.order),
    ),
    (Side.USER, "voucher_id"): Things(
        own=lambda world, principal: world.home.voucher(world.order_of(principal.person)),
        same_shop=lambda world, _: world.home.voucher(world.home.neighbors),
        foreign=lambda world, _: world.other.voucher(world.other.order),
    ),
    (Side.MERCHANT, "case_id"): Things(
        own=lambda world, _: world.home.case(world.home.order),
        same_shop=lambda world, _: world.home.case(world.home.neighbors),
        foreign=lambda world, _: world.other.case(world.other.order),
        is_same_shop_ours=True,
    ),
    (Side.PLATFORM, "case_id"): Things(
        own=lambda world, _: world.home.case(world.home.order, "escalated"),
        foreign=lambda world, _: world.other.case(world.other.order, "escalated"),
        is_public=True,
    ),
    (Side.USER, "address_id"): Things(
        own=lambda world, principal: an_address(principal.person, near=world.home.shop),
        same_shop=lambda world, _: world.home.neighbors.address_id,
        foreign=lambda world, _: world.other.order.address_id,
        deleted=lambda world, principal: world.home.removed_address(principal.person),
    ),
    (Side.USER, "invitation_id"): Things(
        own=lambda world, principal: world.home.invitation(principal.person.account_id, Side.MERCHANT),
        foreign=lambda world, _: world.other.invitation(a_resident().account_id, Side.MERCHANT),
    ),
    (Side.USER, "fund_id"): _public(lambda _: a_fund().fund_id),
    (Side.USER, "product_id"): _public(lambda _: a_term_product(wall_now())),
    (Side.USER, "standard_product_id"): _public(lambda _: a_product()),
    (Side.USER, "subscription_id"): Things(
        own=lambda _, principal: a_subscription(principal.person, state="confirmed"),
        foreign=lambda world, _: a_subscription(world.other.order.resident, state="confirmed"),
    ),
    (Side.USER, "counter_payment_id"): Things(
        own=lambda world, principal: _at_counter(world.home, principal.person),
        foreign=lambda world, _: _at_counter(world.other, world.other.order.resident),
    ),
    (Side.MERCHANT, "counter_payment_id"): Things(
        own=lambda world, _: _at_counter(world.home, world.home.order.resident),
        foreign=lambda world, _: _at_counter(world.other, world.other.order.resident),
    ),
    (Side.USER, "campaign_id"): _public(lambda _: a_campaign()),
    (Side.PLATFORM, "campaign_id"): _public(lambda _: a_campaign()),
    (Side.USER, "payee_id"): Things(
        own=lambda _, principal: a_payee(principal.person), foreign=lambda world, _: a_payee(world.other.order.resident)
    ),
    (Side.USER, "plan_id"): Things(
        own=lambda _, principal: a_plan(principal.person), foreign=lambda world, _: a_plan(world.other.order.resident)
    ),
    (Side.USER, "fund_order_id"): Things(
        own=lambda _, principal: a_fund_order(principal.person),
        foreign=lambda world, _: a_fund_order(world.other.order.resident),
    ),
    (Side.USER, "biller_id"): _public(lambda _: a_biller().biller_id),
    (Side.USER, "acceptance_id"): Things(
        own=lambda _, principal: an_acceptance(principal.person),
        foreign=lambda world, _: an_acceptance(world.other.order.resident),
    ),
    (Side.USER, "binding_id"): Things(
        own=lambda _, principal: a_binding(principal.person).binding_id,
        foreign=lambda world, _: a_binding(world.other.order.resident).binding_id,
    ),
    (Side.USER, "quote_id"): Things(
        own=lambda _, principal: _quoted(principal.person),
        foreign=lambda world, _: _quoted(world.other.order.resident),
    ),
    (Side.USER, "bill_payment_id"): Things(
        own=lambda _, principal: a_bill_payment(principal.person),
        foreign=lambda world, _: a_bill_payment(world.other.order.resident),
    ),
    (Side.PLATFORM, "biller_id"): _public(lambda _: a_biller().biller_id),
    (Side.PLATFORM, "difference_id"): _public(lambda _: a_bill_difference()),
    (Side.PLATFORM, "bill_payment_id"): _public(lambda _: a_bill_payment(a_resident(), state="unknown")),
    (Side.USER, "shop_id"): _public(lambda place: place.shop.shop_id),
    (Side.USER, "sku_id"): _public(lambda place: place.offer.sku_id),
    (Side.USER, "community_id"): _public(lambda place: place.shop.community_id),
    (Side.MERCHANT, "shop_id"): Things(
        own=lambda world, _: world.home.shop.shop_id, foreign=lambda world, _: world.other.shop.shop_id
    ),
    (Side.MERCHANT, "merchant_id"): Things(
        own=lambda world, _: world.home.shop.merchant_id, foreign=lambda world, _: world.other.shop.merchant_id
    ),
    (Side.MERCHANT, "account_id"): _colleague(Side.MERCHANT),
    (Side.MERCHANT, "invitation_id"): _invited(Side.MERCHANT),
    (Side.MERCHANT, "statement_id"): Things(
        own=lambda world, _: a_statement(SettledParty.MERCHANT, world.home.shop.merchant_id),
        foreign=lambda world, _: a_statement(SettledParty.MERCHANT, world.other.shop.merchant_id),
    ),
    (Side.COURIER, "statement_id"): Things(
        own=lambda _, principal: a_statement(SettledParty.COURIER, principal.person.account_id),
        foreign=lambda world, _: a_statement(SettledParty.COURIER, world.other.order.carrier.account_id),
    ),
    (Side.PLATFORM, "statement_id"): Things(
        own=lambda world, _: a_statement(SettledParty.MERCHANT, world.home.shop.merchant_id),
        foreign=lambda world, _: a_statement(SettledParty.MERCHANT, world.other.shop.merchant_id),
        is_public=True,
    ),
    (Side.PLATFORM, "payout_id"): Things(
        own=lambda world, _: a_payout(SettledParty.MERCHANT, world.home.shop.merchant_id),
        foreign=lambda world, _: a_payout(SettledParty.MERCHANT, world.other.shop.merchant_id),
        is_public=True,
    ),
    (Side.PLATFORM, "item_id"): Things(
        own=lambda world, _: a_mismatch(), foreign=lambda world, _: a_mismatch(), is_public=True
    ),
    (Side.PLATFORM, "dispute_id"): Things(
        own=lambda world, _: a_dispute(), foreign=lambda world, _: a_dispute(), is_public=True
    ),
    (Side.PLATFORM, "merchant_id"): _public(lambda place: place.shop.merchant_id),
    (Side.STORE, "store_id"): Things(
        own=lambda world, _: world.home.shop.store_id,
        foreign=lambda world, _: world.other.shop.store_id,
        is_same_shop_ours=True,
    ),
    (Side.STORE, "community_id"): Things(
        own=lambda world, _: world.home.shop.community_id,
        foreign=lambda world, _: world.other.shop.community_id,
        is_same_shop_ours=True,
    ),
    (Side.STORE, "account_id"): _colleague(Side.STORE),
    (Side.STORE, "invitation_id"): _invited(Side.STORE),
    (Side.MERCHANT, "order_id"): Things(
        own=lambda world, _: world.home.open.order_id,
        same_shop=lambda world, _: world.home.order.order_id,
        foreign=lambda world, _: world.other.open.order_id,
        is_same_shop_ours=True,
    ),
    (Side.MERCHANT, "paper_id"): _handed_in(),
    (Side.MERCHANT, "listing_id"): _public(_listing),
    (Side.MERCHANT, "claim_id"): _claimed(),
    (Side.PLATFORM, "claim_id"): replace(_claimed(), is_public=True),
    (Side.STORE, "paper_id"): _handed_in(),
    (Side.PLATFORM, "paper_id"): replace(_handed_in(), is_public=True),
    (Side.MERCHANT, "offer_id"): Things(
        own=lambda world, _: world.home.offer.offer_id,
        foreign=lambda world, _: world.other.offer.offer_id,
        deleted=lambda world, _: world.home.removed_offer.offer_id,
    ),
    (Side.MERCHANT, "sku_id"): Things(
        own=lambda world, _: _another_sku(world.home.offer),  # the offer's first might be taken off by then
        foreign=lambda world, _: world.other.offer.sku_id,
    ),
    (Side.MERCHANT, "to_shop_id"): Things(
        own=lambda world, _: world.home.shop.shop_id, foreign=lambda world, _: world.other.shop.shop_id
    ),
    (Side.MERCHANT, "import_id"): Things(
        own=lambda world, principal: an_import(world.home.shop, principal.person),
        foreign=lambda world, _: an_import(world.other.shop, world.other.order.resident),
    ),
    (Side.MERCHANT, "standard_product_id"): _public(lambda _: a_product()),
    (Side.STORE, "shop_id"): Things(
        own=lambda world, _: world.home.shop.shop_id,
        foreign=lambda world, _: world.other.shop.shop_id,
        is_same_shop_ours=True,
    ),
    (Side.STORE, "offer_id"): _public(lambda place: an_offer(place.shop).offer_id),
    (Side.PLATFORM, "offer_id"): _public(lambda place: an_offer(place.shop).offer_id),
    (Side.COURIER, "trip_id"): _carried("trip_id"),
    (Side.COURIER, "delivery_id"): _carried("delivery_id"),
    (Side.COURIER, "stop_id"): _carried("pick_up_stop_id"),
    (Side.COURIER, "order_id"): _carried("order_id"),
    (Side.COURIER, "trip_offer_id"): Things(
        own=lambda world, principal: world.home.trip_offer(principal.person),
        same_shop=lambda world, principal: world.home.trip_offer(world.another_courier(principal.person)),
        foreign=lambda world, _: world.other.trip_offer(world.other.order.carrier),
    ),
    (Side.COURIER, "slot_id"): Things(
        own=lambda world, principal: world.home.slot(principal.person),
        foreign=lambda world, _: world.other.slot(world.other.order.carrier),
    ),
    (Side.COURIER, "rating_id"): Things(
        own=lambda world, principal: world.home.rating(principal.person),
        same_shop=lambda world, principal: world.home.rating(world.another_courier(principal.person)),
        foreign=lambda world, _: world.other.rating(world.other.order.carrier),
    ),
    (Side.PLATFORM, "rating_id"): Things(
        own=lambda world, _: world.home.rating(world.home.order.carrier, state="appealed"),
        foreign=lambda world, _: world.other.rating(world.other.order.carrier, state="appealed"),
        is_public=True,
    ),
    (Side.PLATFORM, "incident_id"): Things(
        own=lambda world, _: world.home.incident(), foreign=lambda world, _: world.other.incident(), is_public=True
    ),
    (Side.STORE, "order_id"): Things(
        own=lambda world, _: world.home.counter.order_id,
        same_shop=lambda world, _: world.home.neighbors_counter.order_id,
        foreign=lambda world, _: world.other.counter.order_id,
        is_same_shop_ours=True,
    ),
    (Side.STORE, "application_id"): Things(
        own=lambda world, _: an_application(world.home.shop.community_id)[0],
        foreign=lambda world, _: an_application(world.other.shop.community_id)[0],
    ),
    (Side.STORE, "courier_id"): Things(
        own=lambda world, _: a_courier(community=world.home.shop.community).account_id,
        foreign=lambda world, _: a_courier(community=world.other.shop.community).account_id,
    ),
    (Side.STORE, "verification_id"): Things(
        own=lambda world, principal: world.home.face_check(principal.person),
        same_shop=lambda world, _: world.home.face_check(world.home.counter.counter),
        foreign=lambda world, _: world.other.face_check(world.other.counter.counter),
    ),
    (Side.STORE, "till_id"): Things(
        own=lambda world, principal: _a_till(world.home, principal.person),
        foreign=lambda world, _: _a_till(world.other, world.other.member(Side.STORE, MemberRole.CLERK)),
        is_same_shop_ours=True,
    ),
    (Side.STORE, "till_act_id"): Things(
        own=lambda world, principal: _a_till_act(world.home, principal.person),
        foreign=lambda world, _: _a_till_act(world.other, world.other.member(Side.STORE, MemberRole.CLERK)),
        is_same_shop_ours=True,
    ),
    (Side.STORE, "transfer_id"): Things(
        own=lambda world, principal: _a_transfer(world.home, principal.person),
        foreign=lambda world, _: _a_transfer(world.other, world.other.member(Side.STORE, MemberRole.CLERK)),
        is_same_shop_ours=True,
    ),
    (Side.STORE, "parcel_id"): Things(
        own=lambda world, _: a_parcel(world.home.shop).parcel_id,
        foreign=lambda world, _: a_parcel(world.other.shop).parcel_id,
    ),
    (Side.STORE, "sample_id"): Things(
        own=lambda world, _: a_sample(world.home.shop).sample_id,
        foreign=lambda world, _: a_sample(world.other.shop).sample_id,
    ),
    (Side.STORE, "van_visit_id"): Things(
        own=lambda world, _: a_van_visit(world.home.shop.community).van_visit_id,
        foreign=lambda world, _: a_van_visit(world.other.shop.community).van_visit_id,
    ),
    (Side.STORE, "activity_id"): Things(
        own=lambda world, _: an_activity(world.home.shop).activity_id,
        foreign=lambda world, _: an_activity(world.other.shop).activity_id,
    ),
    (Side.STORE, "case_id"): Things(
        own=lambda world, _: a_returning_case(world.home.shop),
        foreign=lambda world, _: a_returning_case(world.other.shop),
    ),
    (Side.USER, "store_id"): _public(lambda place: place.shop.store_id),
    (Side.MERCHANT, "desk_id"): Things(
        own=lambda world, _: _a_desk(world.home), foreign=lambda world, _: _a_desk(world.other)
    ),
    (Side.PLATFORM, "desk_id"): _public(_a_desk),
    (Side.STORE, "ticket_id"): Things(
        own=lambda world, _: _a_ticket(world.home),
        foreign=lambda world, _: _a_ticket(world.other),
        is_same_shop_ours=True,
    ),
    (Side.USER, "ticket_id"): Things(
        own=lambda world, principal: _a_ticket(world.home, principal.person),
        foreign=lambda world, _: _a_ticket(world.other),
    ),
    (Side.STORE, "biller_id"): _public(lambda _: a_biller().biller_id),
    (Side.STORE, "quote_id"): Things(
        own=lambda world, _: _quoted_at_desk(world.home.resident),
        foreign=lambda world, _: _quoted_at_desk(world.other.resident),
    ),
    (Side.STORE, "payee_id"): Things(
        own=lambda world, _: a_payee(world.home.resident), foreign=lambda world, _: a_payee(world.other.resident)
    ),
    (Side.STORE, "visit_id"): Things(
        own=lambda world, principal: a_visit(
            principal.person,
            world.home.resident,
            confirmed_fen=10**6,
            means="id_card",
            store_id=world.home.shop.store_id,
        ),
        same_shop=lambda world, _: a_visit(world.home.member(Side.STORE, MemberRole.CLERK), confirmed_fen=10**6),
        foreign=lambda world, _: a_visit(world.other.member(Side.STORE, MemberRole.CLERK), confirmed_fen=10**6),
    ),
    (Side.PLATFORM, "subject_id"): _public(lambda place: place.approval()),
    (Side.PLATFORM, "shop_visit_id"): _public(lambda place: a_shop_visit(place.shop, "in_date").shop_visit_id),
    (Side.PLATFORM, "flag_id"): _public(lambda _: an_audit_flag()),
    (Side.PLATFORM, "announcement_id"): _public(lambda place: an_announcement(place.shop.community_id)),
    (Side.PLATFORM, "export_id"): Things(
        own=lambda _, principal: a_table_export(principal.person),
        foreign=lambda world, _: a_table_export(world.other.member(Side.PLATFORM, MemberRole.FINANCE)),
        same_shop=lambda world, _: a_table_export(world.home.member(Side.PLATFORM, MemberRole.FINANCE)),
    ),
    (Side.PLATFORM, "to_till_id"): _public(
        lambda place: _a_till(place, place.member(Side.STORE, MemberRole.CLERK), is_open=False)
    ),
    (Side.PLATFORM, "transfer_id"): _public(
        lambda place: _a_transfer(place, place.member(Side.STORE, MemberRole.CLERK))
    ),
    (Side.PLATFORM, "order_id"): Things(
        own=lambda world, _: world.home.order.order_id,
        foreign=lambda world, _: world.other.order.order_id,
        is_public=True,
    ),
    (Side.PLATFORM, "approval_id"): Things(
        own=lambda world, _: world.home.approval(), foreign=lambda world, _: world.other.approval(), is_public=True
    ),
    (Side.PLATFORM, "account_id"): Things(
        own=lambda world, _: world.home.resident.account_id,
        foreign=lambda world, _: world.other.resident.account_id,
        is_public=True,
    ),
    (Side.PLATFORM, "shop_id"): _public(lambda place: place.shop.shop_id),
    (Side.PLATFORM, "community_id"): _public(lambda place: place.shop.community_id),
    (Side.PLATFORM, "into_id"): _public(lambda place: place.shop.community_id),
    (Side.PLATFORM, "store_id"): _public(lambda place: place.shop.store_id),
    (Side.PLATFORM, "trip_id"): _public(_a_waiting_trip),
    (Side.PLATFORM, "courier_id"): _public(lambda place: a_courier(community=place.shop.community).account_id),
}
"""Every kind of thing that a route names, by the side that names it."""


def _fill_cart(world: World, principal: Principal) -> None:
    change("UPDATE skus SET removed_at = NULL WHERE sku_id = :id", id=world.home.offer.sku_id)
    put_in_cart(principal.person.actor, sku_id=world.home.offer.sku_id, quantity=1)


def _show_picture(world: World, _principal: Principal) -> None:
    change(
        """INSERT INTO offer_pictures (offer_id, digest, position, width, height, uploaded_at)
        VALUES (:offer_id, :digest, 1, 9, 9, business_now()) ON CONFLICT DO NOTHING""",
        offer_id=world.home.offer.offer_id,
        digest="0" * 64,
    )


def _know_product(_world: World, _principal: Principal) -> None:
    change(
        """INSERT INTO standard_products (standard_product_id, barcode, name, brand, match_key)
        VALUES (:product_id, :barcode, '鲜牛奶', '', '') ON CONFLICT (barcode) DO NOTHING""",
        product_id=new_id(),
        barcode=BARCODE,
    )


BARCODE = "6901234567892"
"""What goes by id or barcode is asked for by this one."""

BEFORE: Mapping[str, Callable[[World, Principal], None]] = {
    "user.quote": _fill_cart,
    "user.place": _fill_cart,
    "user.compare": _know_product,
    "user.compare_baskets": _know_product,
    "merchant.take_picture_off": _show_picture,
}
"""What must be so before a route of this name can tell whose a thing is."""


def _come_back(world: World, principal: Principal) -> None:
    for place, part in ((world.home, principal.part), (world.other, principal.lesser)):
        if part is not None:
            change(
                """
                INSERT INTO memberships (account_id, organization_kind, organization_id, role) VALUES (:a, :k, :o, :r)
                ON CONFLICT DO NOTHING
                """,
                a=principal.person.account_id,
                k=principal.side.value,
                o=place.shop.merchant_id if principal.side is Side.MERCHANT else place.shop.store_id,
                r=part.value,
            )


def _sign_in_again(_world: World, principal: Principal) -> None:
    change("UPDATE sessions SET ended_at = NULL WHERE session_id = :id", id=principal.person.session_id)


def _stay(world: World, _principal: Principal) -> None:
    shops = [place.shop.shop_id for place in (world.home, world.other)]
    change("UPDATE shops SET state = 'open' WHERE shop_id = ANY (CAST(:shops AS uuid[]))", shops=shops)


AFTER: Mapping[str, Callable[[World, Principal], None]] = {
    "merchant.leave": _come_back,
    "merchant.post_closure": _stay,
    "store.leave": _come_back,
    **{f"{side}.end_other_sessions": _sign_in_again for side in Side},
}
"""What puts right what a route did to its asker."""

BODIES: Mapping[str, Mapping[str, Any]] = {
    "store.record_one": {"answers": [{"point": one.code, "answer": "passed"} for one in CHECKLISTS[VERSION]]},
    "user.grant_step_up": {"pin": "407193"},
    "user.grant_tip": {"pin": "407193"},
    "user.grant_bill": {"pin": "407193"},
    "user.grant_fund_purchase": {"pin": "407193"},
    "user.grant_subscription": {"pin": "407193"},
    "user.grant_autopay": {"pin": "407193"},
    "user.grant_transfer": {"pin": "407193"},
    "user.grant_pay_code": {"pin": "407193"},
    "user.grant_counter": {"pin": "407193"},
    "user.post_payee": {"phone": "+8613812345678"},
    "store.name_desk_payee": {"phone": "+8613812345678"},
    "courier.hand_over": {"code": "0000"},
    "store.confirm_verification": {"is_match": False},
}
"""What a route needs in its body beyond the fields that its schema requires."""
