"""A merchant leaves: the shops close at once, the deposit goes back when nothing is open any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.core import ledger
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.orders.states import OrderState
from app.kernel.ids import new_id
from app.kernel.transaction import transaction
from app.usecases.settling.settle import settle_due
from tests.factories import a_merchant_with_shop, a_resident, an_address, an_order
from tests.factories.rows import look_one
from tests.support.ladder import Case, OnceOwned

if TYPE_CHECKING:
    from uuid import UUID

    from flask.testing import FlaskClient

    from tests.factories import Shop
    from tests.support.business_clock import BusinessClock


def give(code: str, amount_fen: int) -> None:
    legs = (Leg(codes.BANK_SETTLEMENT, -amount_fen), Leg(code, amount_fen))
    with transaction() as tx:
        ledger.post(tx, Journal(key=f"test:{new_id()}", kind=JournalKind.OPENING, legs=legs))


def standing(merchant_id: UUID) -> tuple[int, int]:
    with transaction() as tx:
        found = (codes.merchant_deposit(merchant_id), codes.merchant_available(merchant_id))
        return ledger.balance(tx, found[0]).posted_fen, ledger.balance(tx, found[1]).posted_fen


def leave(client: FlaskClient, shop: Shop) -> Any:
    path = f"/merchant/v1/merchants/{shop.merchant_id}/closure"
    answer = client.post(path, headers=shop.owner.once())
    assert answer.status_code == 200, answer.text
    return answer.get_json()


class TestDeparture(OnceOwned):
    method = "POST"
    absent_code = "merchant_not_found"

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        return Case(shop.owner, f"/merchant/v1/merchants/{shop.merchant_id}/closure")

    def test_the_shops_close_at_once_and_take_no_more_orders(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        resident = a_resident()
        address_id = an_address(resident, near=shop)
        near = f"/user/v1/shops?address_id={address_id}&limit=100"

        before = client.get(near, headers=resident.headers).get_json()["items"]
        leave(client, shop)
        after = client.get(near, headers=resident.headers).get_json()["items"]

        assert str(shop.shop_id) in {one["shop_id"] for one in before}
        assert str(shop.shop_id) not in {one["shop_id"] for one in after}
        assert look_one("SELECT state FROM shops WHERE shop_id = :id", id=shop.shop_id) == "leaving"

    def test_the_deposit_goes_back_once_when_nothing_is_open_for_thirty_days(
        self, client: FlaskClient, clock: BusinessClock
    ) -> None:
        order = an_order(state=OrderState.COMPLETED)
        shop = order.shop
        give(codes.merchant_deposit(shop.merchant_id), 5_000)

        first = leave(client, shop)
        clock.ahead(days=2)
        settle_due(only=[shop.merchant_id])
        soon = leave(client, shop)
        clock.ahead(days=30)
        _, earned = standing(shop.merchant_id)
        late, again = leave(client, shop), leave(client, shop)

        assert (first["unsettled_count"], first["returned_fen"]) == (1, 0)
        assert (soon["unsettled_count"], soon["returned_fen"]) == (0, 0)
        assert (late["returned_fen"], again["returned_fen"]) == (5_000, 0)
        assert standing(shop.merchant_id) == (0, earned + 5_000)

    def test_an_open_order_or_a_debt_keeps_it(self, client: FlaskClient, clock: BusinessClock) -> None:
        busy, owing = an_order(state=OrderState.READY).shop, a_merchant_with_shop()
        for shop in (busy, owing):
            give(codes.merchant_deposit(shop.merchant_id), 5_000)
            leave(client, shop)
        give(codes.merchant_debt(owing.merchant_id), -100)
        clock.ahead(days=60)

        held, owed = leave(client, busy), leave(client, owing)

        assert (held["open_orders_count"], held["returned_fen"]) == (1, 0)
        assert owed["returned_fen"] == 0
        assert [standing(shop.merchant_id)[0] for shop in (busy, owing)] == [5_000, 5_000]
