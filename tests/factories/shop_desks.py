"""Shops that are desks, against a deposit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core import ledger
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.tills.shop_desks import ShopDeskRow
from app.kernel.clock import wall_now
from app.kernel.ids import new_id
from app.kernel.transaction import transaction
from app.usecases.tending_tills.shop_desks import ShopDeskStands, accept_desk
from tests.factories.people import a_claim
from tests.factories.rows import write
from tests.factories.shops import a_merchant_with_shop

if TYPE_CHECKING:
    from uuid import UUID

    from tests.factories.shops import Shop

DEPOSIT_FEN = 200_000


def a_rich_shop(available_fen: int = 1_000_000) -> Shop:
    """Return a shop whose merchant has money available."""
    shop = a_merchant_with_shop()
    legs = (Leg(codes.BANK_SETTLEMENT, -available_fen), Leg(codes.merchant_available(shop.merchant_id), available_fen))
    with transaction() as tx:
        ledger.post(tx, Journal(key=f"given:{new_id()}", kind=JournalKind.OPENING, legs=legs, ref="given"))
    return shop


def a_shop_desk(shop: Shop, deposit_fen: int = DEPOSIT_FEN) -> UUID:
    """Return the desk of a shop that was appointed and has not accepted."""
    desk_id = new_id()
    write(
        ShopDeskRow,
        desk_id=desk_id,
        shop_id=shop.shop_id,
        merchant_id=shop.merchant_id,
        deposit_fen=deposit_fen,
        state="appointed",
        appointed_at=wall_now(),
    )
    return desk_id


def an_active_desk(shop: Shop, deposit_fen: int = DEPOSIT_FEN) -> ShopDeskStands:
    """Return the desk of a rich shop at which its owner serves."""
    desk_id = a_shop_desk(shop, deposit_fen)
    return accept_desk(shop.owner.actor, a_claim(shop.owner), desk_id=desk_id, agents=[shop.owner.account_id])
