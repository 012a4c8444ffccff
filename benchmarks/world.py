"""A world for benchmarks: residents with money and a door, shops with a shelf, couriers on shift, tokens for all."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import orjson
from sqlalchemy import text

from app import create_app
from app.core import ledger
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.privacy.models import ASKED_FOR, CURRENT_VERSIONS
from app.kernel.actor import Side
from app.kernel.ids import new_id
from app.kernel.sealing import blind_index, seal
from app.kernel.transaction import Transaction, transaction
from app.usecases.people.sign_in import SignedIn
from app.usecases.privacy.consents import Agreement, agree
from app.usecases.stepping_up.payment_pin import pin_digest
from app.web.sign_in import access_token

if TYPE_CHECKING:
    from flask import Flask

LAT, LNG = 39.9417, 116.1021
BALANCE_FEN = 1_000_000_000
OFFERS = 20
PIN = "246813"
DAY = {str(weekday): [["00:00", "24:00"]] for weekday in range(1, 8)}
_phones = itertools.count(new_id().int % 80_000_000 + 10_000_000)


@dataclass(frozen=True, slots=True)
class Someone:
    """A person with a token."""

    account_id: UUID
    session_id: UUID
    token: str


@dataclass(frozen=True, slots=True)
class Resident:
    """A resident with an address."""

    account_id: UUID
    session_id: UUID
    token: str
    address_id: UUID


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop, its owner and its SKUs."""

    shop_id: UUID
    owner: Someone
    sku_ids: list[UUID]


@dataclass(frozen=True, slots=True)
class World:
    """Everybody."""

    residents: list[Resident]
    shops: list[Shop]
    couriers: list[Someone]


def make_world(app: Flask, *, residents: int, shops: int, couriers: int) -> World:
    """Write a world into the database of ``app``; all shops are open around the clock and deliver to all doors."""
    with app.app_context(), transaction() as tx:
        store_id, community_id = new_id(), new_id()
        place = {"lat": LAT, "lng": LNG}
        tx.execute(
            text("INSERT INTO stores VALUES (:id, '测试体验店', '门头沟区', :lat, :lng)"), {"id": store_id, **place}
        )
        tx.execute(
            text("INSERT INTO communities VALUES (:id, :store, '测试小区', '门头沟区', '大峪街道', :lat, :lng)"),
            {"id": community_id, "store": store_id, **place},
        )
        return World(
            residents=[_resident(tx, community_id) for _ in range(residents)],
            shops=[_shop(tx, community_id, number) for number in range(shops)],
            couriers=[_courier(tx, community_id) for _ in range(couriers)],
        )


def _someone(tx: Transaction, side: Side) -> Someone:
    account_id, session_id = new_id(), new_id()
    phone = f"+86139{next(_phones)}"
    tx.execute(
        text(
            "INSERT INTO accounts (account_id, phone_sealed, phone_index, verification_level) "
            "VALUES (:id, :sealed, :index, 3)"
        ),
        {
            "id": account_id,
            "sealed": seal(phone, context="accounts.phone"),
            "index": blind_index(phone, context="accounts.phone"),
        },
    )
    tx.execute(
        text("INSERT INTO sessions (session_id, account_id, side, device) VALUES (:id, :account, :side, 'bench')"),
        {"id": session_id, "account": account_id, "side": side.value},
    )
    signed_in = SignedIn(account_id=account_id, session_id=session_id, refresh_token="")
    return Someone(account_id, session_id, access_token(signed_in, side))


def _resident(tx: Transaction, community_id: UUID) -> Resident:
    person, address_id = _someone(tx, Side.USER), new_id()
    agree(tx, person.account_id, [Agreement(one, CURRENT_VERSIONS[one]) for one in sorted(ASKED_FOR)])
    door = {"contact_name": "张三", "contact_phone": "+8613900000000", "building": "3号楼", "unit": "2单元"}
    tx.execute(
        text(
            "INSERT INTO addresses (address_id, account_id, community_id, lat, lng, door_sealed) "
            "VALUES (:id, :account, :community, :lat, :lng, :door)"
        ),
        {
            "id": address_id,
            "account": person.account_id,
            "community": community_id,
            "lat": LAT,
            "lng": LNG,
            "door": seal(orjson.dumps({**door, "floor": "5", "door": "502"}).decode(), context="addresses.door"),
        },
    )
    legs = (Leg(codes.BANK_SETTLEMENT, -BALANCE_FEN), Leg(codes.e_account(person.account_id), BALANCE_FEN))
    ledger.post(tx, Journal(key=f"opening:{person.account_id}", kind=JournalKind.OPENING, legs=legs))
    tx.execute(
        text("INSERT INTO payment_pins (account_id, digest, tries_left) VALUES (:id, :digest, 5)"),
        {"id": person.account_id, "digest": pin_digest(person.account_id, PIN)},
    )
    return Resident(person.account_id, person.session_id, person.token, address_id)


def _shop(tx: Transaction, community_id: UUID, number: int) -> Shop:
    owner, merchant_id, shop_id = _someone(tx, Side.MERCHANT), new_id(), new_id()
    tx.execute(text("INSERT INTO merchants (merchant_id, name) VALUES (:id, '测试商户')"), {"id": merchant_id})
    tx.execute(
        text("INSERT INTO memberships (account_id, organization_kind, organization_id, role) "
             "VALUES (:account, 'merchant', :merchant, 'owner')"),
        {"account": owner.account_id, "merchant": merchant_id},
    )  # fmt: skip
    tx.execute(
        text(
            """
            INSERT INTO shops (shop_id, merchant_id, community_id, name, vertical, lat, lng, radius_m, minimum_fen,
                packing_fen, preparation_minutes, commission_bp, hours, fee_tiers, license_number, license_expires_on)
            VALUES (:id, :merchant, :community, :name, 'retail', :lat, :lng, 3000, 0, 100, 10, 500, :hours, :tiers,
                'BENCH', :expires)
            """
        ),
        {
            "id": shop_id,
            "merchant": merchant_id,
            "community": community_id,
            "name": f"测试店{number}",
            "lat": LAT + number * 1e-4,
            "lng": LNG,
            "hours": orjson.dumps(DAY).decode(),
            "tiers": '[{"up_to_m": 3000, "fee_fen": 1}]',
            "expires": datetime(2099, 1, 1, tzinfo=UTC).date(),
        },
    )
    return Shop(shop_id, owner, [_offer(tx, shop_id, position) for position in range(OFFERS)])


def _offer(tx: Transaction, shop_id: UUID, position: int) -> UUID:
    offer_id, sku_id = new_id(), new_id()
    tx.execute(
        text("INSERT INTO offers (offer_id, shop_id, kind, name, category, position) "
             "VALUES (:id, :shop, 'goods', :name, '零食', :position)"),
        {"id": offer_id, "shop": shop_id, "name": f"商品{position}", "position": position},
    )  # fmt: skip
    tx.execute(
        text("INSERT INTO skus (sku_id, offer_id, shop_id, price_fen) VALUES (:id, :offer, :shop, :price)"),
        {"id": sku_id, "offer": offer_id, "shop": shop_id, "price": 1 + position},
    )
    tx.execute(text("INSERT INTO stock (sku_id, received, on_hand) VALUES (:id, 10000000, 10000000)"), {"id": sku_id})
    return sku_id


def _courier(tx: Transaction, community_id: UUID) -> Someone:
    person = _someone(tx, Side.COURIER)
    tx.execute(
        text("INSERT INTO couriers (courier_id, community_id) VALUES (:id, :community)"),
        {"id": person.account_id, "community": community_id},
    )
    tx.execute(
        text("INSERT INTO courier_shifts (shift_id, courier_id, session_id, lat, lng, started_at) "
             "VALUES (:id, :courier, :session, :lat, :lng, business_now())"),
        {"id": new_id(), "courier": person.account_id, "session": person.session_id, "lat": LAT, "lng": LNG},
    )  # fmt: skip
    return person


__all__ = ["World", "create_app", "make_world"]
