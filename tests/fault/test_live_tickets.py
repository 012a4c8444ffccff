"""Tickets for live streams on a real PostgreSQL: what each side may hear, and that only a digest is kept."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from flask import Flask

from app.core.accounts.models import AccountRow, MembershipRow
from app.core.catalog.models import MerchantRow, ShopRow
from app.core.communities.models import CommunityRow, StoreRow
from app.core.delivery.models import CourierRow
from app.kernel.actor import Actor, Side
from app.kernel.db import db
from app.kernel.ids import new_id
from app.settings import sqlalchemy_url
from app.usecases.people.live import issue_ticket
from tests.support.ledger_database import admin_url
from tests.support.live_streams import create_tables, live_database, table_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

ADMIN_URL = admin_url()
pytestmark = pytest.mark.skipif(ADMIN_URL is None, reason="TEST_DATABASE_URL names no server")

PERSON, OWNER, STRANGER, MERCHANT, OTHER_MERCHANT, STORE, COMMUNITY = (new_id() for _ in range(7))
SHOPS = sorted((new_id(), new_id()), key=str)
FOREIGN_SHOP = new_id()
ROWS = (AccountRow, StoreRow, CommunityRow, CourierRow, MerchantRow, ShopRow, MembershipRow)


@pytest.fixture(scope="module")
def connection() -> Iterator[psycopg.Connection[Any]]:
    """A database where one person is resident, courier, and member of a merchant and of a store."""
    assert ADMIN_URL is not None
    with live_database(ADMIN_URL) as url:
        create_tables(url, [table_of(row) for row in ROWS])
        flask = Flask(__name__)
        flask.config["SQLALCHEMY_DATABASE_URI"] = sqlalchemy_url(url)
        db.init_app(flask)
        with psycopg.connect(url, autocommit=True) as connection, flask.app_context():
            _settle(connection)
            yield connection
            db.engine.dispose()


def _settle(connection: psycopg.Connection[Any]) -> None:
    def add(table: str, **values: object) -> None:
        places = ", ".join(["%s"] * len(values))
        connection.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({places})".encode(), [*values.values()])

    place = {"lat": 31.2, "lng": 121.4}
    for account in (PERSON, OWNER, STRANGER):
        add("accounts", account_id=account, phone_sealed="sealed", phone_index=account.bytes)
    add("stores", store_id=STORE, name="店", district="区", **place)
    add("communities", community_id=COMMUNITY, store_id=STORE, name="小区", district="区", street="街", **place)
    add("couriers", courier_id=PERSON, community_id=COMMUNITY)
    for merchant in (MERCHANT, OTHER_MERCHANT):
        add("merchants", merchant_id=merchant, name="商户")
    for shop, merchant in ((SHOPS[0], MERCHANT), (SHOPS[1], MERCHANT), (FOREIGN_SHOP, OTHER_MERCHANT)):
        sizes = {"radius_m": 1000, "minimum_fen": 0, "packing_fen": 0, "preparation_minutes": 10, "commission_bp": 500}
        shape = {"vertical": "retail", "hours": "{}", "fee_tiers": "[]", "license_number": "1"}
        owner = {"shop_id": shop, "merchant_id": merchant, "community_id": COMMUNITY, "name": "铺"}
        add("shops", **owner, **place, **sizes, **shape, license_expires_on="2099-01-01")
    for kind, organization in (("merchant", MERCHANT), ("store", STORE)):
        member = {"account_id": PERSON, "organization_kind": kind, "organization_id": organization}
        add("memberships", **member, role="manager")
    owned = {"organization_kind": "merchant", "organization_id": OTHER_MERCHANT}
    add("memberships", account_id=OWNER, **owned, role="owner")


def topics_of_ticket(
    connection: psycopg.Connection[Any], side: Side, *wished: str, account: UUID = PERSON
) -> list[str]:
    actor = Actor(account_id=account, session_id=new_id(), side=side)
    issued = issue_ticket(actor, list(wished))
    digest = hashlib.sha256(issued.ticket.encode()).digest()
    row = connection.execute("SELECT topics FROM live_tickets WHERE digest = %s", [digest]).fetchone()
    assert row is not None
    topics: list[str] = row[0]
    return topics


@pytest.mark.parametrize(
    "side, topics",
    [
        (Side.USER, [f"account:{PERSON}"]),
        (Side.MERCHANT, [f"shop:{shop}" for shop in SHOPS]),
        (Side.COURIER, [f"community:{COMMUNITY}", f"courier:{PERSON}"]),
        (Side.STORE, [f"store:{STORE}"]),
        (Side.PLATFORM, []),
    ],
)
def test_each_side_hears_its_own(connection: psycopg.Connection[Any], side: Side, topics: list[str]) -> None:
    assert topics_of_ticket(connection, side) == topics


def test_a_merchants_owner_hears_of_what_is_no_shops(connection: psycopg.Connection[Any]) -> None:
    heard = [f"merchant:{OTHER_MERCHANT}", f"shop:{FOREIGN_SHOP}"]

    assert topics_of_ticket(connection, Side.MERCHANT, account=OWNER) == heard


@pytest.mark.parametrize("side", [Side.MERCHANT, Side.COURIER, Side.STORE, Side.PLATFORM])
def test_one_without_a_part_hears_nothing(connection: psycopg.Connection[Any], side: Side) -> None:
    assert topics_of_ticket(connection, side, account=STRANGER) == []


def test_a_wish_narrows_and_never_widens(connection: psycopg.Connection[Any]) -> None:
    wished = [f"shop:{SHOPS[1]}", f"shop:{FOREIGN_SHOP}", f"account:{STRANGER}"]

    assert topics_of_ticket(connection, Side.MERCHANT, *wished) == [f"shop:{SHOPS[1]}"]


def test_a_suspended_courier_hears_nothing(connection: psycopg.Connection[Any]) -> None:
    connection.execute("UPDATE couriers SET state = 'suspended'")
    try:
        assert topics_of_ticket(connection, Side.COURIER) == []
    finally:
        connection.execute("UPDATE couriers SET state = 'active'")


def test_a_ticket_lives_a_minute_and_is_kept_by_digest_alone(connection: psycopg.Connection[Any]) -> None:
    issued = issue_ticket(Actor(account_id=PERSON, session_id=new_id(), side=Side.USER), [])
    row = connection.execute(
        "SELECT extract(epoch FROM expires_at - clock_timestamp()), used_at FROM live_tickets WHERE digest = %s",
        [hashlib.sha256(issued.ticket.encode()).digest()],
    ).fetchone()

    assert issued.expires_in_s == 60
    assert row is not None
    assert 55 < row[0] <= 60
    assert row[1] is None
