"""A merchant leaves (退出): its shops close for good, and when nothing is open any more the deposit is its own again.

Two acts, or more: the first closes the shops, so that no order can come in behind a look. A later one, when all of them
had been closed before it, returns the deposit.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import text

from app.core import ledger
from app.core.catalog.states import SHOP_TRANSITIONS, ShopAction
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.orders.states import FINAL_ORDER_STATES
from app.core.settlement.errors import MerchantNotFound
from app.core.settlement.locks import lock_account
from app.core.settlement.models import SettledParty
from app.core.settlement.rules import DEPOSIT_STAYS
from app.kernel.actor import Actor
from app.kernel.clock import SHANGHAI
from app.kernel.ids import new_id
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction
from app.kernel.wire import Row

_CLOSES = sorted(state.value for state, action in SHOP_TRANSITIONS if action is ShopAction.LEAVE)
_OVER = ", ".join(f"'{state.value}'" for state in sorted(FINAL_ORDER_STATES))

_OWN = opening(
    f"""
    SELECT h.merchant_id, h.created_at, business_now() AS now,
        (SELECT count(*) FROM shops AS s WHERE s.merchant_id = h.merchant_id AND s.state <> 'leaving') AS shops_count,
        (SELECT count(*) FROM orders AS o WHERE o.merchant_id = h.merchant_id AND o.state NOT IN ({_OVER}))
            AS open_orders_count,
        (SELECT max(o.ended_at) FROM orders AS o WHERE o.merchant_id = h.merchant_id) AS last_ended_at,
        (SELECT count(*) FROM after_sale_cases AS c JOIN orders AS o ON o.order_id = c.order_id
            WHERE o.merchant_id = h.merchant_id AND c.ended_at IS NULL) AS open_cases_count,
        (SELECT count(*) FROM settlement_items AS i WHERE i.party_id = h.merchant_id AND i.party_kind = 'merchant'
            AND i.settled_on IS NULL)
        + (SELECT count(*) FROM counter_payments AS p WHERE p.merchant_id = h.merchant_id AND p.settled_on IS NULL)
            AS unsettled_count
    FROM merchants AS h
    JOIN memberships AS m ON m.organization_id = h.merchant_id AND m.organization_kind = 'merchant'
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
    WHERE h.merchant_id = :merchant_id FOR UPDATE OF h
    """
)
_STANDING = text(
    """
    SELECT coalesce(d.available_fen, 0) AS deposit_fen, -coalesce(b.posted_fen, 0) AS debt_fen
    FROM (SELECT) AS one
    LEFT JOIN ledger.head AS d ON d.code = ('merchant_deposit:' || CAST(:merchant AS text)) COLLATE "C"
    LEFT JOIN ledger.head AS b ON b.code = ('merchant_debt:' || CAST(:merchant AS text)) COLLATE "C"
    """
)
_LEAVE = closing(
    """
    closed AS (
        UPDATE shops SET state = 'leaving' WHERE merchant_id = :merchant_id AND state = ANY (CAST(:closes AS text[]))
        RETURNING shop_id
    ), built_no_more AS (
        UPDATE settlement_accounts SET deposit_target_fen = 0, deposit_bp = 0
        WHERE party_kind = 'merchant' AND party_id = :merchant_id
    )"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Departing:
    """How far a merchant is with leaving: what is still open, from when on the deposit can go back, and what did."""

    merchant_id: UUID
    open_orders_count: int
    open_cases_count: int
    unsettled_count: int
    deposit_from: str
    returned_fen: int


def depart(actor: Actor, claim: Claim, *, merchant_id: UUID) -> Departing:
    """Close all shops of a merchant for good; return its deposit when they were closed and nothing is open any more.

    Nothing is open when all orders and cases have ended and are settled, no debt is left, and
    :data:`app.core.settlement.rules.DEPOSIT_STAYS` have passed since the last order: refunds may come so long.

    :raises MerchantNotFound: not one of the actor's.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_OWN, {"merchant_id": merchant_id, **actor.as_member})
        if row is None:
            raise MerchantNotFound
        free_on = _free_on(row)
        is_over = not (row.shops_count or row.open_orders_count or row.open_cases_count or row.unsettled_count)
        is_free = is_over and row.now.astimezone(SHANGHAI).date() >= free_on
        departing = Departing(
            merchant_id=merchant_id,
            open_orders_count=row.open_orders_count,
            open_cases_count=row.open_cases_count,
            unsettled_count=row.unsettled_count,
            deposit_from=free_on.isoformat(),
            returned_fen=_return_deposit(tx, merchant_id) if is_free else 0,
        )
        tx.describe(details={"returned_fen": departing.returned_fen})
        tx.keep(departing)
        tx.close(_LEAVE, {"merchant_id": merchant_id, "closes": _CLOSES})
    return departing


def _free_on(row: Row) -> date:
    """Return the first day on which the deposit may go back."""
    last = row.last_ended_at or row.created_at
    day: date = (last + DEPOSIT_STAYS).astimezone(SHANGHAI).date() + timedelta(days=1)
    return day


def _return_deposit(tx: Transaction, merchant_id: UUID) -> int:
    """Make the deposit available, unless there is a debt, which the next statement takes from it; return how much."""
    lock_account(tx, SettledParty.MERCHANT, merchant_id)
    standing = tx.execute(_STANDING, {"merchant": str(merchant_id)}).one()
    if standing.debt_fen > 0 or standing.deposit_fen <= 0:
        return 0
    amount_fen = int(standing.deposit_fen)
    legs = (
        Leg(codes.merchant_deposit(merchant_id), -amount_fen),
        Leg(codes.merchant_available(merchant_id), amount_fen),
    )
    key = f"deposit_return:{new_id()}"
    ledger.post(tx, Journal(key=key, kind=JournalKind.DEPOSIT, legs=legs, ref=str(merchant_id)))
    return amount_fen
