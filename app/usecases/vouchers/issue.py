"""Buy vouchers, issue them when they are paid, and say what a shop's vouchers are good for."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import orjson
from sqlalchemy import text

from app.core.accounts.errors import SessionEnded
from app.core.catalog.errors import SkuNotFound
from app.core.catalog.models import OfferKind
from app.core.events import VouchersIssued
from app.core.orders.models import Fulfillment
from app.core.orders.repository import EXPECT_MOVED, LOCK_BY_SYSTEM, lock_order, move
from app.core.orders.states import ORDER_TRANSITIONS, OrderAction, OrderState
from app.core.vouchers.errors import VoucherSold
from app.core.vouchers.rules import CODE_DIGITS, VoucherTerms
from app.core.vouchers.states import VoucherState
from app.kernel.actor import Actor, Role
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.money import split_fen
from app.kernel.sealing import derived_code, keyed_digest
from app.kernel.timers import Timer
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction
from app.usecases.ordering.place_checkout import Placed
from app.usecases.ordering.place_single import SKU_FOR_SALE, Single, place_single, refuse_unsold

VOUCHER_EXPIRES = "voucher_expires"
"""Timer: the days of a voucher are over."""
CODE_CONTEXT = "vouchers.code"

_SKU = opening(SKU_FOR_SALE)
_LINES = text(
    """
    SELECT l.line, l.quantity, l.refundable_fen, t.uses, t.valid_days FROM order_lines AS l
    LEFT JOIN voucher_terms AS t ON t.sku_id = l.sku_id WHERE l.order_id = :order_id ORDER BY l.line
    """
)
_ISSUE = closing(
    f"""{move("accepted_at = business_now()", "ready_at = business_now()")},
    issued AS (
        INSERT INTO vouchers (voucher_id, order_id, line, account_id, shop_id, code_digest, state, uses, uses_left,
            value_fen, value_left_fen, issued_at, expires_at)
        SELECT v.voucher_id, :order_id, v.line, :account_id, :shop_id, decode(v.digest, 'hex'), :state, v.uses, v.uses,
            v.value_fen, v.value_fen, business_now(), business_now() + v.valid_days * interval '1 day'
        FROM jsonb_to_recordset(CAST(:vouchers AS jsonb)) AS v (voucher_id uuid, line bigint, digest text, uses bigint,
            value_fen bigint, valid_days bigint)
    )""",
    expecting=EXPECT_MOVED,
)
_LOCK_SKU = opening(
    """
    SELECT k.sku_id, f.kind FROM skus AS k JOIN offers AS f ON f.offer_id = k.offer_id
    JOIN shops AS s ON s.shop_id = k.shop_id
    JOIN memberships AS m ON m.organization_id = s.merchant_id AND m.organization_kind = 'merchant'
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
    WHERE k.shop_id = :shop_id AND k.sku_id = :sku_id FOR UPDATE OF k
    """
)
_SET_TERMS = closing(
    """
    set_terms AS (
        INSERT INTO voucher_terms (sku_id, uses, valid_days) VALUES (:sku_id, :uses, :valid_days)
        ON CONFLICT (sku_id) DO UPDATE SET uses = excluded.uses, valid_days = excluded.valid_days
    )"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherTermsSet:
    """What vouchers of a SKU are good for from now on."""

    sku_id: UUID
    uses: int
    valid_days: int


def voucher_code(voucher_id: UUID) -> str:
    """Return the code that the resident shows in the shop."""
    return derived_code(str(voucher_id), purpose="voucher", digits=CODE_DIGITS)


def code_digest(code: str) -> bytes:
    """Return by what a voucher is found from its code."""
    return keyed_digest(code, context=CODE_CONTEXT)


def buy_vouchers(actor: Actor, claim: Claim, *, sku_id: UUID, quantity: int, unit_price_fen: int) -> Placed:
    """Place an order of vouchers, to be paid within fifteen minutes like any checkout.

    :param unit_price_fen: the price that was agreed to.
    :raises SkuNotFound, OfferGone, VoucherSold, ShopClosed, LicenseExpired: it is not on sale.
    :raises QuantityOverCap, SoldOut, PriceChanged: not so many, or not for this price.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_SKU, {"sku_id": sku_id, "session_id": actor.session_id})
        if row is not None and not row.is_in_standing:
            raise SessionEnded
        row = refuse_unsold(row, OfferKind.VOUCHER, quantity=quantity, unit_price_fen=unit_price_fen)
        single = Single(
            row=row,
            quantity=quantity,
            unit_price_fen=unit_price_fen,
            fulfillment=Fulfillment.VOUCHER,
            name=row.offer_name,
            is_counted=row.on_hand is not None,
        )
        return place_single(tx, actor, single)


def issue_vouchers(tx: Transaction, order_id: UUID) -> None:
    """Issue what was paid; an order that has moved on is left alone. Each piece is a voucher, worth its share."""
    order = lock_order(tx, LOCK_BY_SYSTEM, {"order_id": order_id})
    if order.state is not OrderState.AWAITING_ACCEPT or order.fulfillment is not Fulfillment.VOUCHER:
        return
    target = next_state(ORDER_TRANSITIONS, order.state, OrderAction.ISSUE, Role.SYSTEM)
    vouchers = []
    usual = VoucherTerms()
    for row in tx.execute(_LINES, {"order_id": order_id}):
        for value_fen in split_fen(row.refundable_fen, [1] * row.quantity):
            voucher_id = new_id()
            valid_days = row.valid_days or usual.valid_days
            digest = code_digest(voucher_code(voucher_id)).hex()
            vouchers.append(
                {
                    "voucher_id": voucher_id,
                    "line": row.line,
                    "digest": digest,
                    "uses": row.uses or usual.uses,
                    "value_fen": value_fen,
                    "valid_days": valid_days,
                }
            )
            tx.schedule(Timer(VOUCHER_EXPIRES, voucher_id, timedelta(days=valid_days)))
    tx.record(VouchersIssued(order_id=order_id, account_id=order.account_id, shop_id=order.shop_id, state=target.value))
    params = {
        "order_id": order_id,
        "from_state": order.state.value,
        "to_state": target.value,
        "account_id": order.account_id,
        "shop_id": order.shop_id,
        "state": VoucherState.ISSUED.value,
        "vouchers": orjson.dumps(vouchers).decode(),
    }
    tx.close(_ISSUE, params)


def set_voucher_terms(
    actor: Actor, claim: Claim, *, shop_id: UUID, sku_id: UUID, uses: int, valid_days: int
) -> VoucherTermsSet:
    """Say how often vouchers of a SKU can be used, and for how long; those that are issued keep theirs.

    :raises SkuNotFound: it is not on a shelf of the actor's. :raises VoucherSold: it is no voucher.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_SKU, {"shop_id": shop_id, "sku_id": sku_id, **actor.as_member})
        if row is None:
            raise SkuNotFound
        if row.kind != OfferKind.VOUCHER:
            raise VoucherSold
        terms = VoucherTermsSet(sku_id=sku_id, uses=uses, valid_days=valid_days)
        tx.keep(terms)
        tx.close(_SET_TERMS, {"sku_id": sku_id, "uses": uses, "valid_days": valid_days})
    return terms
