"""People of the five sides, signed in."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING

import orjson

from app.core import ledger
from app.core.accounts.models import (
    PLATFORM_ID,
    AccountRow,
    AddressRow,
    MemberRole,
    MembershipRow,
    OrganizationKind,
    SessionRow,
)
from app.core.accounts.permissions import PARTS
from app.core.delivery.models import CourierRow
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.privacy.models import ASKED_FOR, CURRENT_VERSIONS
from app.core.stepup.models import Factor, GrantPurpose, PaymentPinRow, StepUpGrantRow
from app.core.stepup.pins import TRIES
from app.core.verification.id_numbers import check_character
from app.core.verification.levels import Level
from app.kernel.actor import Actor, Side
from app.kernel.clock import wall_now
from app.kernel.ids import new_id
from app.kernel.sealing import blind_index, seal
from app.kernel.transaction import Claim, transaction
from app.usecases.delivering.shifts import start_shift
from app.usecases.people.addresses import DOOR_CONTEXT
from app.usecases.people.phones import PHONE_CONTEXT
from app.usecases.people.sign_in import SignedIn
from app.usecases.privacy.consents import Agreement, agree
from app.usecases.stepping_up.grants import LIFETIME
from app.usecases.stepping_up.payment_pin import pin_digest
from app.web.sign_in import access_token
from tests.factories.places import Community, a_community, the_newest_community
from tests.factories.rows import change, write

if TYPE_CHECKING:
    from uuid import UUID

    from tests.factories.shops import Shop


PIN = "407193"


@dataclass(frozen=True)
class Person:
    """Somebody signed in at one side. ``actor`` speaks to use cases, ``headers`` to the door."""

    account_id: UUID
    session_id: UUID
    side: Side
    phone: str = ""

    @property
    def actor(self) -> Actor:
        """With every role of the side: use cases are called here behind the door's gate."""
        roles = tuple(part.value for part in PARTS[self.side])
        return Actor(account_id=self.account_id, session_id=self.session_id, side=self.side, roles=roles)

    @cached_property
    def token(self) -> str:
        signed_in = SignedIn(account_id=self.account_id, session_id=self.session_id, refresh_token="")
        return access_token(signed_in, self.side)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def once(self, key: str | None = None) -> dict[str, str]:
        """Return headers with an Idempotency-Key, a fresh one unless ``key`` is given."""
        return {**self.headers, **idempotent(key)}


def idempotent(key: str | None = None) -> dict[str, str]:
    return {"Idempotency-Key": key or secrets.token_urlsafe(16)}


_phones = count(secrets.randbelow(10**8))


def a_phone() -> str:
    """Return a phone that nobody else in this process has: steps of a prime through all of them, from anywhere."""
    return f"+86138{next(_phones) * 61_803_399 % 10**8:08d}"


def an_id_number(born: str | None = None) -> str:
    """Return an ID number (身份证号) that nobody else has; of somebody born on ``born`` (YYYYMMDD), or long of age."""
    born = born or f"{date(1940, 1, 1) + timedelta(days=secrets.randbelow(20_000)):%Y%m%d}"
    body = f"110108{born}{secrets.randbelow(1000):03d}"
    return body + check_character(body)


def a_claim(person: Person, operation: str = "test") -> Claim:
    """Return a claim of a request that was never made before."""
    return Claim(person.account_id, operation, secrets.token_urlsafe(16), secrets.token_bytes(32))


def signed_in(account_id: UUID, side: Side, phone: str = "") -> Person:
    session_id = new_id()
    write(SessionRow, session_id=session_id, account_id=account_id, side=side.value, device="device")
    return Person(account_id, session_id, side, phone)


def as_user(account_id: UUID) -> dict[str, str]:
    return signed_in(account_id, Side.USER).headers


def as_merchant(account_id: UUID) -> dict[str, str]:
    return signed_in(account_id, Side.MERCHANT).headers


def as_courier(account_id: UUID) -> dict[str, str]:
    return signed_in(account_id, Side.COURIER).headers


def as_store(account_id: UUID) -> dict[str, str]:
    return signed_in(account_id, Side.STORE).headers


def as_platform(account_id: UUID) -> dict[str, str]:
    return signed_in(account_id, Side.PLATFORM).headers


def a_resident(*, balance_fen: int = 0, level: Level = Level.THREE, has_agreed: bool = True) -> Person:
    """Return a resident; fully verified, and agreed to terms and privacy policy, unless told otherwise."""
    resident = _somebody(Side.USER, level, has_agreed=has_agreed)
    if balance_fen:
        give(resident.account_id, balance_fen)
    return resident


def a_pin(person: Person, pin: str = PIN) -> str:
    """Give ``person`` a payment PIN and return it."""
    digest = pin_digest(person.account_id, pin)
    write(PaymentPinRow, account_id=person.account_id, digest=digest, tries_left=TRIES)
    return pin


def a_tip_grant(person: Person, order_id: UUID, amount_fen: int = 10**9, **values: object) -> UUID:
    """Return a step-up grant by PIN for a tip with ``order_id``."""
    return a_grant(person, order_id, amount_fen, purpose=GrantPurpose.TIP_COURIER.value, **values)


def a_grant(person: Person, checkout_id: UUID, amount_fen: int = 10**9, **values: object) -> UUID:
    """Return a step-up grant by PIN for ``checkout_id``, good as long as those that are bought."""
    grant = {
        "grant_id": new_id(),
        "session_id": person.session_id,
        "purpose": GrantPurpose.PAY_CHECKOUT.value,
        "subject_id": checkout_id,
        "amount_fen_max": amount_fen,
        "factor": Factor.PIN.value,
        "expires_at": wall_now() + LIFETIME,
        **values,
    }
    write(StepUpGrantRow, **grant)
    return grant["grant_id"]  # type: ignore[return-value]


def give(account_id: UUID, amount_fen: int) -> None:
    """Put money on an e-account, from the bank."""
    legs = (Leg(codes.BANK_SETTLEMENT, -amount_fen), Leg(codes.e_account(account_id), amount_fen))
    with transaction() as tx:
        ledger.post(tx, Journal(key=f"gift:{new_id()}", kind=JournalKind.OPENING, legs=legs))


def a_member(side: Side, kind: OrganizationKind, organization_id: UUID, role: MemberRole) -> Person:
    person = _somebody(side)
    write(
        MembershipRow,
        account_id=person.account_id,
        organization_kind=kind.value,
        organization_id=organization_id,
        role=role.value,
    )
    return person


def a_store_clerk(store_id: UUID | None = None) -> Person:
    store_id = store_id or a_community().store_id
    return a_member(Side.STORE, OrganizationKind.STORE, store_id, MemberRole.CLERK)


def an_operator() -> Person:
    return a_member(Side.PLATFORM, OrganizationKind.PLATFORM, PLATFORM_ID, MemberRole.ADMIN)


def a_courier(*, community: Community | None = None, on_shift: bool = True) -> Person:
    """Return a courier who stands in the middle of their community: the newest there is, unless told otherwise."""
    community = community or the_newest_community()
    courier = _somebody(Side.COURIER)
    write(CourierRow, courier_id=courier.account_id, community_id=community.community_id)
    if on_shift:
        start_shift(courier.actor, a_claim(courier), lat=community.lat, lng=community.lng)
    return courier


def settle(courier: Person, community: Community) -> None:
    """Let a courier of elsewhere be one of ``community`` and stand there, so that they may claim its trips."""
    moved = "UPDATE couriers SET community_id = :community_id WHERE courier_id = :id AND community_id <> :community_id"
    if change(moved, id=courier.account_id, community_id=community.community_id):
        change(
            "UPDATE courier_shifts SET lat = :lat, lng = :lng WHERE courier_id = :id AND ended_at IS NULL",
            id=courier.account_id,
            lat=community.lat,
            lng=community.lng,
        )


def let_go(trip_id: UUID | None) -> None:
    """Let who gave a trip back, or lost it, have done so long ago: they may claim it again."""
    change("UPDATE trip_releases SET released_at = released_at - interval '10 minutes' WHERE trip_id = :id", id=trip_id)


def let_wait(trip_id: UUID | None, *, minutes: float = 10) -> None:
    """Let a trip have been in the hall for some time: couriers from farther away may claim it."""
    change(
        "UPDATE trips SET created_at = created_at - CAST(:minutes AS float8) * interval '1 minute' WHERE trip_id = :id",
        id=trip_id,
        minutes=minutes,
    )


def let_ride(courier: Person) -> None:
    """Let half an hour have passed since the courier's shift began: one can be seen kilometers away."""
    change(
        "UPDATE courier_shifts SET started_at = started_at - interval '30 minutes' WHERE courier_id = :id",
        id=courier.account_id,
    )


def an_address(
    resident: Person, *, near: Shop | Community | None = None, lat_off: float = 0.001, walk_up_floors: int = 0
) -> UUID:
    """Return the id of an address of ``resident``, about a hundred meters from ``near`` unless told otherwise."""
    place = near or a_community()
    address_id = new_id()
    door = {
        "contact_name": "王芳",
        "contact_phone": a_phone(),
        "building": "3",
        "unit": "2",
        "floor": "5",
        "door": "502",
    }
    write(
        AddressRow,
        address_id=address_id,
        account_id=resident.account_id,
        community_id=place.community_id,
        lat=place.lat + lat_off,
        lng=place.lng,
        walk_up_floors=walk_up_floors,
        door_sealed=seal(orjson.dumps(door).decode(), context=DOOR_CONTEXT),
    )
    return address_id


def _somebody(side: Side, level: Level = Level.THREE, *, has_agreed: bool = True) -> Person:
    account_id, phone = new_id(), a_phone()
    write(
        AccountRow,
        account_id=account_id,
        phone_sealed=seal(phone, context=PHONE_CONTEXT),
        phone_index=blind_index(phone, context=PHONE_CONTEXT),
        verification_level=level,
    )
    if has_agreed:
        with transaction() as tx:
            agree(tx, account_id, [Agreement(purpose, CURRENT_VERSIONS[purpose]) for purpose in sorted(ASKED_FOR)])
    return signed_in(account_id, side, phone)
