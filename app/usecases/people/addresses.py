"""A resident's addresses (收货地址): building, unit, floor and door in a community; door and contact sealed."""

from dataclasses import asdict, dataclass
from uuid import UUID

import orjson
from sqlalchemy import text

from app.core.accounts.errors import AddressNotFound, AddressOutside, AddressTooFar, TooManyAddresses
from app.core.communities.errors import CommunityNotFound
from app.kernel.actor import Actor
from app.kernel.geo import distance_m
from app.kernel.ids import new_id
from app.kernel.polygons import meters_outside
from app.kernel.sealing import seal
from app.kernel.transaction import Claim, closing, opening, transaction
from app.usecases.people.phones import normalize_phone
from app.usecases.privacy.consents import HAS_AGREED, consent_needed, versions_in_force

ADDRESSES_MAX = 20
FROM_CENTER_M_MAX = 5_000
"""How far from its community's center a door may lie: fees and delivery areas are measured from the door."""
OUTSIDE_M_MAX = 100
"""How far outside of its community's outline a door may lie: phones err by so much between houses."""
DOOR_CONTEXT = "addresses.door"

_LOCK_ACCOUNT = opening("SELECT account_id FROM accounts WHERE account_id = :account_id FOR UPDATE")
_COUNT = text(
    f"""
    SELECT (SELECT count(*) FROM addresses WHERE account_id = :account_id AND removed_at IS NULL) AS addresses,
           c.lat, c.lng, c.outline, {HAS_AGREED} AS has_agreed
    FROM (SELECT 1) AS one LEFT JOIN communities AS c ON c.community_id = :community_id
        AND c.merged_into_id IS NULL
    """
)
_ADD = closing(
    """
    made AS (
        INSERT INTO addresses (address_id, account_id, community_id, lat, lng, walk_up_floors, door_sealed)
        VALUES (:address_id, :account_id, :community_id, :lat, :lng, :walk_up_floors, :door_sealed)
    )"""
)
_REMOVE = text(
    """
    UPDATE addresses SET removed_at = clock_timestamp()
    WHERE address_id = :address_id AND account_id = :account_id AND removed_at IS NULL
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where exactly, and for whom."""

    contact_name: str
    contact_phone: str
    building: str
    unit: str
    floor: str
    door: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressAdded:
    """What adding an address answers."""

    address_id: UUID
    community_id: UUID


def add_address(
    actor: Actor,
    claim: Claim,
    *,
    community_id: UUID,
    door: Door,
    lat: float | None,
    lng: float | None,
    walk_up_floors: int,
) -> AddressAdded:
    """Add an address in a community; without coordinates it lies at the community's center.

    :param walk_up_floors: floors that are climbed on foot to the door, 0 with a lift.

    :raises CommunityNotFound: there is no such community. :raises TooManyAddresses: there are twenty already.
    :raises AddressTooFar: the place is not in the community. :raises AddressOutside: it lies outside of its outline.
    :raises ConsentNeeded: terms or privacy policy in force are not agreed to.
    """
    door = Door(**{**asdict(door), "contact_phone": normalize_phone(door.contact_phone, pointer="/contact_phone")})
    with transaction(claim) as tx:
        tx.open_one(_LOCK_ACCOUNT, {"account_id": actor.account_id})
        asked = {"account_id": actor.account_id, "community_id": community_id, **versions_in_force()}
        row = tx.execute(_COUNT, asked).one()
        if not row.has_agreed:
            raise consent_needed()
        if row.lat is None:
            raise CommunityNotFound(pointer="/community_id")
        if lat is not None and lng is not None:
            meters = distance_m(lat, lng, row.lat, row.lng)
            if meters > FROM_CENTER_M_MAX:
                raise AddressTooFar(pointer="/lat", distance_m=meters, distance_m_max=FROM_CENTER_M_MAX)
            if row.outline is not None and meters_outside(row.outline, lat, lng) > OUTSIDE_M_MAX:
                raise AddressOutside(pointer="/lat", outside_m_max=OUTSIDE_M_MAX)
        if row.addresses >= ADDRESSES_MAX:
            raise TooManyAddresses(addresses_max=ADDRESSES_MAX)
        added = AddressAdded(address_id=new_id(), community_id=community_id)
        tx.keep(added)
        tx.close(
            _ADD,
            {
                "address_id": added.address_id,
                "account_id": actor.account_id,
                "community_id": community_id,
                "lat": row.lat if lat is None else lat,
                "lng": row.lng if lng is None else lng,
                "walk_up_floors": walk_up_floors,
                "door_sealed": seal(orjson.dumps(asdict(door)).decode(), context=DOOR_CONTEXT),
            },
        )
    return added


def remove_address(actor: Actor, *, address_id: UUID) -> None:
    """Remove an address; orders keep their own copy.

    :raises AddressNotFound: there is none, or it is another's.
    """
    with transaction() as tx:
        if tx.execute(_REMOVE, {"address_id": address_id, "account_id": actor.account_id}).rowcount != 1:
            raise AddressNotFound
