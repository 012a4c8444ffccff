"""The demo world is the same for everybody, and lively enough to try everything in."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from app.cli.demo import WHO, demo_commands
from app.cli.demo import world as demo
from app.cli.demo.shelves import EXAMPLE_PREFIX, OFFERS_MAX, OFFERS_MIN, PRICE_SPREAD, ean13, make_catalogue
from app.cli.demo.trades import RADII_M
from app.cli.dev.environment import secrets_in
from app.core.accounts.models import PLATFORM_ID, MemberRole, OrganizationKind
from app.core.catalog.models import OfferKind, Vertical
from app.core.catalog.rules import are_hours_sound, delivery_fee_fen
from app.core.papers.rules import NEEDED, read_number
from app.kernel.geo import distance_m

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from app.cli.demo.shapes import Person, World

TODAY = date(2026, 3, 1)


@pytest.fixture(scope="module")
def world() -> World:
    return demo.build_world(today=TODAY)


def person_with(world: World, phone: str) -> Person:
    return next(person for person in world.people if person.phone == phone)


def first_home(world: World) -> UUID:
    resident = person_with(world, demo.FIRST_RESIDENT_PHONE).account_id
    (address,) = (address for address in world.addresses if address.account_id == resident)
    return address.community_id


def is_valid_ean13(barcode: str) -> bool:
    digits = [int(digit) for digit in barcode]
    return len(digits) == 13 and (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10 == 0


def test_one_seed_makes_one_world(world: World) -> None:
    assert demo.build_world(today=TODAY) == world


def test_another_seed_makes_another_world_with_the_same_phones(world: World) -> None:
    other = demo.build_world(demo.SEED + 1, today=TODAY)

    assert not {shop.shop_id for shop in other.shops} & {shop.shop_id for shop in world.shops}
    assert {demo.FIRST_RESIDENT_PHONE, demo.FIRST_PLATFORM_PHONE} <= {person.phone for person in other.people}


def test_the_day_moves_nothing_but_the_licenses(world: World) -> None:
    later = demo.build_world(today=date(2031, 3, 1))

    assert later.skus == world.skus
    assert [shop.shop_id for shop in later.shops] == [shop.shop_id for shop in world.shops]
    assert min(shop.license_expires_on for shop in later.shops) > date(2031, 3, 1)


def test_every_id_is_its_own_and_looks_like_every_other_id(world: World) -> None:
    ids = [
        *(store.store_id for store in world.stores),
        *(community.community_id for community in world.communities),
        *(person.account_id for person in world.people),
        *(address.address_id for address in world.addresses),
        *(merchant.merchant_id for merchant in world.merchants),
        *(shop.shop_id for shop in world.shops),
        *(offer.offer_id for offer in world.offers),
        *(sku.sku_id for sku in world.skus),
    ]

    assert len(set(ids)) == len(ids)
    assert {identity.version for identity in ids} == {7}


def test_known_barcodes_get_their_check_digits() -> None:
    assert ean13("400638133393") == "4006381333931"
    assert ean13("590123412345") == "5901234123457"


def test_barcodes_are_valid_and_belong_to_no_real_product(world: World) -> None:
    barcodes = {sku.barcode for sku in world.skus if sku.barcode}

    assert len(barcodes) > 100
    assert all(is_valid_ean13(barcode) and barcode.startswith(EXAMPLE_PREFIX) for barcode in barcodes)


def test_a_barcode_names_one_product(world: World) -> None:
    name_of = {offer.offer_id: offer.name for offer in world.offers}
    names = defaultdict(set)
    for sku in world.skus:
        if sku.barcode:
            names[sku.barcode].add(name_of[sku.offer_id])

    assert all(len(found) == 1 for found in names.values())


def test_around_every_store_one_product_is_sold_at_several_prices(world: World) -> None:
    store_of = {community.community_id: community.store_id for community in world.communities}
    shops = {shop.shop_id: store_of[shop.community_id] for shop in world.shops}
    prices: dict[tuple[UUID, str], dict[UUID, int]] = defaultdict(dict)
    for sku in world.skus:
        if sku.barcode:
            prices[shops[sku.shop_id], sku.barcode][sku.shop_id] = sku.price_fen

    comparable = Counter(store for (store, _), asked in prices.items() if len(set(asked.values())) >= 3)

    assert set(comparable) == set(shops.values())
    assert min(comparable.values()) >= 50


def test_a_barcoded_price_stays_near_the_catalogues(world: World) -> None:
    catalogue = make_catalogue(demo.SEED)
    base_fen = {
        product.barcode: product.base_fen for product in [*catalogue.groceries.values(), *catalogue.remedies.values()]
    }

    assert all(
        abs(sku.price_fen - base_fen[sku.barcode]) <= PRICE_SPREAD * base_fen[sku.barcode]
        for sku in world.skus
        if sku.barcode
    )


def test_every_store_has_sixty_shops_over_all_verticals(world: World) -> None:
    store_of = {community.community_id: community.store_id for community in world.communities}
    found = Counter((store_of[shop.community_id], shop.vertical) for shop in world.shops)

    for store in world.stores:
        assert [found[store.store_id, vertical] for vertical in Vertical] == [28, 20, 6, 6]


def test_every_shelf_is_filled_without_doubles(world: World) -> None:
    names = defaultdict(list)
    for offer in world.offers:
        names[offer.shop_id].append(offer.name)

    assert len(names) == len(world.shops)
    assert all(OFFERS_MIN <= len(shelf) <= OFFERS_MAX for shelf in names.values())
    assert all(len(set(shelf)) == len(shelf) for shelf in names.values())


def test_goods_are_counted_and_nothing_else_is(world: World) -> None:
    kind_of = {offer.offer_id: offer.kind for offer in world.offers}
    counted = {stock.sku_id for stock in world.stock}

    assert {sku.sku_id for sku in world.skus if kind_of[sku.offer_id] is OfferKind.GOODS} == counted
    assert all(50 <= stock.on_hand == stock.received <= 500 for stock in world.stock)
    assert all(sku.price_fen > 0 for sku in world.skus)


def test_shops_keep_the_catalogs_laws(world: World) -> None:
    for shop in world.shops:
        reaches = [tier["up_to_m"] for tier in shop.fee_tiers]
        thresholds = [tier["from_fen"] for tier in shop.discount_tiers]
        assert are_hours_sound(shop.hours)
        assert reaches == sorted(set(reaches))
        assert reaches[-1] == shop.radius_m
        assert thresholds == sorted(set(thresholds))
        assert RADII_M[0] <= shop.radius_m <= RADII_M[-1]
        assert 0 <= shop.minimum_fen <= 3000
        assert 0 <= shop.packing_fen <= 200
        assert 300 <= shop.commission_bp <= 800
        assert {paper.kind for paper in world.papers if paper.shop_id == shop.shop_id} == set(NEEDED[shop.vertical])
        assert (shop.license_expires_on - TODAY).days >= 180


def test_names_and_licenses_are_not_shared(world: World) -> None:
    assert len({(shop.name, shop.license_number[2:9]) for shop in world.shops}) == len(world.shops)
    assert len({shop.license_number for shop in world.shops}) == len(world.shops)
    assert len({community.name for community in world.communities}) == len(world.communities)


def test_papers_would_pass_the_door_and_are_nobodys(world: World) -> None:
    for paper in world.papers:
        assert read_number(paper.kind, paper.number) == paper.number
        assert "DEM" in paper.number or paper.number.startswith("JY9")


def test_communities_lie_around_their_store(world: World) -> None:
    stores = {store.store_id: store for store in world.stores}

    for community in world.communities:
        store = stores[community.store_id]
        assert distance_m(store.lat, store.lng, community.lat, community.lng) <= 2500
        assert store.district == community.district


def test_every_community_has_couriers_residents_and_shops(world: World) -> None:
    communities = {community.community_id for community in world.communities}

    assert len(communities) == 50
    assert {courier.community_id for courier in world.couriers} == communities
    assert {address.community_id for address in world.addresses} == communities
    assert {shop.community_id for shop in world.shops} == communities


def test_every_address_is_reached_by_shops_of_every_vertical(world: World) -> None:
    for address in world.addresses:
        near = [
            shop for shop in world.shops if distance_m(shop.lat, shop.lng, address.lat, address.lng) <= shop.radius_m
        ]
        reached = Counter(shop.vertical for shop in near)
        assert min(reached[vertical] for vertical in Vertical) >= 1
        assert min(reached[Vertical.FOOD], reached[Vertical.RETAIL]) >= 3


def test_every_merchant_has_one_owner_and_some_have_clerks(world: World) -> None:
    roles = Counter(
        (member.organization_id, member.role)
        for member in world.memberships
        if member.organization_kind is OrganizationKind.MERCHANT
    )

    assert all(roles[merchant.merchant_id, MemberRole.OWNER] == 1 for merchant in world.merchants)
    assert sum(1 for (_, role) in roles if role is MemberRole.CLERK) >= 50


def test_every_resident_has_an_address_and_money(world: World) -> None:
    residents = {person.account_id for person in world.people if person.phone.startswith("+86139")}

    assert len(residents) == 150
    assert {address.account_id for address in world.addresses} == residents
    assert {deposit.account_id for deposit in world.deposits if deposit.amount_fen > 0} == residents


def test_phone_numbers_are_unique_and_tell_the_side(world: World) -> None:
    phones = [person.phone for person in world.people]

    assert len(set(phones)) == len(phones)
    assert {phone[:6] for phone in phones} == {"+86135", "+86136", "+86137", "+86138", "+86139"}


def test_the_first_people_can_make_an_order_at_any_hour(world: World) -> None:
    home = first_home(world)
    always = [["00:00", "24:00"]]
    organization_of = {member.account_id: member.organization_id for member in world.memberships}
    shop_of = {shop.merchant_id: shop for shop in world.shops}
    address = world.addresses[0]

    shops = [
        shop_of[organization_of[person_with(world, phone).account_id]]
        for phone in (demo.FIRST_MERCHANT_PHONE, demo.SECOND_MERCHANT_PHONE)
    ]

    assert address.account_id == person_with(world, demo.FIRST_RESIDENT_PHONE).account_id
    assert [shop.vertical for shop in shops] == [Vertical.FOOD, Vertical.RETAIL]
    for shop in shops:
        away_m = distance_m(shop.lat, shop.lng, address.lat, address.lng)
        assert shop.community_id == home
        assert set(shop.hours) == set("1234567")
        assert all(spans == always for spans in shop.hours.values())
        assert away_m <= shop.radius_m
        assert delivery_fee_fen(shop.fee_tiers, away_m) > 0
        assert not shop.is_auto_accept


def test_the_first_courier_store_and_administrator_are_the_first_residents(world: World) -> None:
    home = first_home(world)
    store_id = next(community.store_id for community in world.communities if community.community_id == home)
    courier_id = person_with(world, demo.FIRST_COURIER_PHONE).account_id
    member_of = {member.account_id: member for member in world.memberships}

    manager = member_of[person_with(world, demo.FIRST_STORE_PHONE).account_id]
    administrator = member_of[person_with(world, demo.FIRST_PLATFORM_PHONE).account_id]

    assert home in {courier.community_id for courier in world.couriers if courier.courier_id == courier_id}
    assert (manager.organization_id, manager.role) == (store_id, MemberRole.MANAGER)
    assert (administrator.organization_id, administrator.role) == (PLATFORM_ID, MemberRole.ADMIN)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    settings = {
        "LINLI_ENV": "development",
        "DATABASE_URL": "postgresql:///nowhere",
        "STRIPE_API_BASE": "https://gateway.example",
        "LINLI_PUBLIC_URL": "http://127.0.0.1:8000",
        "LINLI_LIVE_URL": "http://127.0.0.1:8001",
        **secrets_in(tmp_path),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return settings


def test_sign_ins_name_a_person_for_every_side(environment: dict[str, str]) -> None:
    result = CliRunner().invoke(demo_commands, ["sign-ins"])

    assert result.exit_code == 0
    assert {side for side, _, _ in WHO} == {"user", "merchant", "courier", "store", "platform"}
    assert all(phone in result.output for _, _, phone in WHO)
    assert "http://127.0.0.1:8000/user/v1/sign-in-codes" in result.output
    assert "http://127.0.0.1:8000/dev/v1/messages?phone=%2B8613900000001" in result.output


def test_the_demo_is_refused_in_production(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINLI_ENV", "production")
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_live_" + "x" * 24)
    monkeypatch.setenv("LINLI_SMS_URL", "https://sms.example/send")
    monkeypatch.setenv("LINLI_SMS_KEY", "k" * 24)
    monkeypatch.setenv("LINLI_PASSKEY_RP_ID", "linli.example")
    monkeypatch.setenv("LINLI_PASSKEY_ORIGINS", "https://linli.example")

    result = CliRunner().invoke(demo_commands, ["load"])

    assert result.exit_code == 1
    assert "not for production" in result.output
