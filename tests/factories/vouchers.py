"""Vouchers, bought, paid and issued as they are in life."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.core.payments.models import PaymentMethod
from app.kernel.transaction import transaction
from app.usecases.paying.pay_checkout import pay_checkout
from app.usecases.vouchers.issue import buy_vouchers, issue_vouchers, set_voucher_terms, voucher_code
from tests.factories.people import Person, a_claim, a_grant, a_resident
from tests.factories.rows import look
from tests.factories.shops import Offer, Shop, a_merchant_with_shop, an_offer

if TYPE_CHECKING:
    from uuid import UUID

    from app.usecases.ordering.place_checkout import Placed


@dataclass(frozen=True)
class SomeVouchers:
    """The vouchers of one order."""

    order_id: UUID
    voucher_ids: list[UUID]
    resident: Person
    shop: Shop
    offer: Offer

    @property
    def code(self) -> str:
        """The code of the first one."""
        return voucher_code(self.voucher_ids[0])


def pay(resident: Person, placed: Placed) -> None:
    """Pay a checkout from the e-account."""
    pay_checkout(
        resident.actor,
        a_claim(resident),
        checkout_id=placed.checkout_id,
        method=PaymentMethod.E_ACCOUNT,
        step_up_grant=a_grant(resident, placed.checkout_id),
    )


def some_vouchers(
    *,
    quantity: int = 1,
    uses: int = 1,
    price_fen: int = 10_000,
    valid_days: int = 90,
    shop: Shop | None = None,
    on_hand: int | None = None,
) -> SomeVouchers:
    """Return vouchers of one order, issued."""
    shop = shop or a_merchant_with_shop(vertical="leisure", commission_bp=777)
    offer = an_offer(shop, kind="voucher", name="理发", price_fen=price_fen, on_hand=on_hand)
    owner, resident = shop.owner, a_resident(balance_fen=1_000_000)
    set_voucher_terms(
        owner.actor, a_claim(owner), shop_id=shop.shop_id, sku_id=offer.sku_id, uses=uses, valid_days=valid_days
    )
    placed = buy_vouchers(
        resident.actor, a_claim(resident), sku_id=offer.sku_id, quantity=quantity, unit_price_fen=price_fen
    )
    pay(resident, placed)
    [order] = placed.orders
    with transaction() as tx:
        issue_vouchers(tx, order.order_id)
    rows = look("SELECT voucher_id FROM vouchers WHERE order_id = :id ORDER BY voucher_id", id=order.order_id)
    return SomeVouchers(order.order_id, [row.voucher_id for row in rows], resident, shop, offer)
