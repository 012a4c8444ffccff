"""How a merchant is settled: cycle, hold, deposit; an order held back while its case is open; the deposit topped up."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from app.core import ledger
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.orders.errors import OrderNotFound
from app.core.settlement.errors import AlreadySettled, MerchantNotFound
from app.core.settlement.locks import lock_account
from app.core.settlement.models import Cycle, SettledParty
from app.core.settlement.rules import next_day
from app.kernel.actor import Actor
from app.kernel.clock import SHANGHAI
from app.kernel.ids import new_id
from app.kernel.transaction import Claim, closing, opening, transaction

_FIND = opening("SELECT business_now() AS now FROM merchants WHERE merchant_id = :merchant_id FOR SHARE")
_SET = closing(
    """
    agreed AS (
        INSERT INTO settlement_accounts (party_kind, party_id, cycle, hold_days, deposit_target_fen, deposit_bp,
            next_on)
        VALUES ('merchant', :merchant_id, :cycle, :hold_days, :deposit_target_fen, :deposit_bp, :next_on)
        ON CONFLICT (party_kind, party_id) DO UPDATE SET cycle = excluded.cycle, hold_days = excluded.hold_days,
            deposit_target_fen = excluded.deposit_target_fen, deposit_bp = excluded.deposit_bp,
            next_on = excluded.next_on
    )"""
)
_ITEM = opening(
    """
    SELECT i.settled_on IS NOT NULL AS is_settled FROM settlement_items AS i
    WHERE i.order_id = :order_id AND i.party_kind = 'merchant' FOR UPDATE OF i
    """
)
_BLOCK = closing(
    """
    blocked AS (
        UPDATE settlement_items SET blocked_why = CAST(:why AS text)
        WHERE order_id = :order_id AND party_kind = 'merchant' AND settled_on IS NULL
    )"""
)
_OWN = opening(
    """
    SELECT h.merchant_id FROM merchants AS h
    JOIN memberships AS m ON m.organization_id = h.merchant_id AND m.organization_kind = 'merchant'
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
    WHERE h.merchant_id = :merchant_id FOR SHARE OF h
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsSet:
    """A merchant's terms from now on."""

    merchant_id: UUID
    cycle: str
    hold_days: int
    deposit_target_fen: int
    deposit_bp: int
    next_on: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementBlocked:
    """Whether what an order earned is held back."""

    order_id: UUID
    is_blocked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositToppedUp:
    """What went into the deposit."""

    merchant_id: UUID
    amount_fen: int


def set_terms(
    actor: Actor,
    claim: Claim,
    *,
    merchant_id: UUID,
    cycle: Cycle,
    hold_days: int,
    deposit_target_fen: int,
    deposit_bp: int,
) -> TermsSet:
    """Set how a merchant is settled; orders that have ended keep the hold they ended with.

    :raises MerchantNotFound: no such merchant.
    """
    assert actor.account_id == claim.principal_id, "who asks is who claims"
    with transaction(claim) as tx:
        row = tx.open_one(_FIND, {"merchant_id": merchant_id})
        if row is None:
            raise MerchantNotFound
        terms = TermsSet(
            merchant_id=merchant_id,
            cycle=cycle.value,
            hold_days=hold_days,
            deposit_target_fen=deposit_target_fen,
            deposit_bp=deposit_bp,
            next_on=next_day(cycle, _today(row.now)).isoformat(),
        )
        tx.describe(details={"cycle": cycle.value, "hold_days": hold_days, "deposit_bp": deposit_bp})
        tx.keep(terms)
        tx.close(
            _SET,
            {
                "merchant_id": merchant_id,
                "cycle": cycle.value,
                "hold_days": hold_days,
                "deposit_target_fen": deposit_target_fen,
                "deposit_bp": deposit_bp,
                "next_on": next_day(cycle, _today(row.now)),
            },
        )
    return terms


def block_settlement(actor: Actor, claim: Claim, *, order_id: UUID, why: str | None) -> SettlementBlocked:
    """Hold back what an order earned while something about it is open, or with ``why`` None let it go.

    :raises OrderNotFound: its merchant earned nothing by such an order. :raises AlreadySettled: it is too late.
    """
    assert actor.account_id == claim.principal_id, "who asks is who claims"
    with transaction(claim) as tx:
        row = tx.open_one(_ITEM, {"order_id": order_id})
        if row is None:
            raise OrderNotFound
        if row.is_settled:
            raise AlreadySettled
        blocked = SettlementBlocked(order_id=order_id, is_blocked=why is not None)
        tx.describe(why=why)
        tx.keep(blocked)
        tx.close(_BLOCK, {"order_id": order_id, "why": why})
    return blocked


def top_up_deposit(actor: Actor, claim: Claim, *, merchant_id: UUID, amount_fen: int) -> DepositToppedUp:
    """Put a part of what is available into the deposit.

    :raises MerchantNotFound: not one of the actor's. :raises InsufficientFunds: less is available.
    """
    with transaction(claim) as tx:
        if tx.open_one(_OWN, {"merchant_id": merchant_id, **actor.as_member}) is None:
            raise MerchantNotFound
        lock_account(tx, SettledParty.MERCHANT, merchant_id)
        legs = (
            Leg(codes.merchant_available(merchant_id), -amount_fen),
            Leg(codes.merchant_deposit(merchant_id), amount_fen),
        )
        journal = Journal(key=f"deposit:{new_id()}", kind=JournalKind.DEPOSIT, legs=legs, ref=str(merchant_id))
        ledger.post(tx, journal)
        topped = DepositToppedUp(merchant_id=merchant_id, amount_fen=amount_fen)
        tx.keep(topped)
    return topped


def _today(now: datetime) -> date:
    return now.astimezone(SHANGHAI).date()
