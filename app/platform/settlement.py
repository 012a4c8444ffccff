"""Settlement at the operator's door: terms, orders held back, refunds of completed orders, statements."""

from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.settlement.errors import MerchantNotFound
from app.core.settlement.models import Cycle
from app.kernel.actor import Actor, Side
from app.kernel.money import BASIS_POINTS
from app.kernel.transaction import Claim, read
from app.platform.schemas import ApprovalMovedOut, Why
from app.usecases.deciding.approvals import ApprovalMoved
from app.usecases.deciding.requests import ask_payout_release
from app.usecases.settling.refund_completed import OrderRefunded, refund_order
from app.usecases.settling.terms import SettlementBlocked, TermsSet, block_settlement, set_terms
from app.web.door import Door
from app.web.fields import BIGINT_MAX, Body, Choice, Day, Fen, Flag, Id, Int
from app.web.paging import PageQuery
from app.web.payouts import SentPayoutsOut, list_of_payouts
from app.web.policy import Relation, policy
from app.web.statements import add_statements

HOLD_DAYS_MAX = 60

_TERMS = text(
    """
    SELECT h.merchant_id, coalesce(a.cycle, 'daily') AS cycle, coalesce(a.hold_days, 1) AS hold_days,
        coalesce(a.deposit_target_fen, 0) AS deposit_target_fen, coalesce(a.deposit_bp, 0) AS deposit_bp, a.next_on,
        coalesce(p.posted_fen, 0) AS pending_fen, coalesce(v.available_fen, 0) AS available_fen,
        coalesce(d.posted_fen, 0) AS deposit_fen, -coalesce(b.posted_fen, 0) AS debt_fen
    FROM merchants AS h
    LEFT JOIN settlement_accounts AS a ON a.party_kind = 'merchant' AND a.party_id = h.merchant_id
    LEFT JOIN ledger.head AS p ON p.code = ('merchant_pending:' || h.merchant_id) COLLATE "C"
    LEFT JOIN ledger.head AS v ON v.code = ('merchant_available:' || h.merchant_id) COLLATE "C"
    LEFT JOIN ledger.head AS d ON d.code = ('merchant_deposit:' || h.merchant_id) COLLATE "C"
    LEFT JOIN ledger.head AS b ON b.code = ('merchant_debt:' || h.merchant_id) COLLATE "C"
    WHERE h.merchant_id = :merchant_id
    """
)


class TermsIn(Body):
    """How a merchant is settled: how often, how many days after an order has ended, and what builds the deposit."""

    cycle = Choice(Cycle, required=True)
    hold_days = Int(low=0, high=HOLD_DAYS_MAX, required=True)
    deposit_target_fen = Fen(required=True)
    deposit_bp = Int(low=0, high=BASIS_POINTS, required=True)


class TermsOut(TermsIn):
    """The terms in force, and the day of the next statement."""

    merchant_id = Id(required=True)
    next_on = Day(required=True, allow_none=True)


class SettlementOut(TermsOut):
    """The terms, and where the merchant's accounts stand."""

    pending_fen = Int(low=-BIGINT_MAX, high=BIGINT_MAX, required=True)
    available_fen = Int(low=-BIGINT_MAX, high=BIGINT_MAX, required=True)
    deposit_fen = Int(low=-BIGINT_MAX, high=BIGINT_MAX, required=True)
    debt_fen = Int(low=-BIGINT_MAX, high=BIGINT_MAX, required=True)


class ReleaseIn(Body):
    """Why a large payout is to be sent (a reference)."""

    why = Why()


class BlockIn(Body):
    """Why what an order earned is held back, such as the number of a case; null lets it go."""

    why = Why(allow_none=True)


class BlockOut(Body):
    """Whether what an order earned is held back."""

    order_id = Id(required=True)
    is_blocked = Flag(required=True)


class OrderRefundIn(Body):
    """What of a completed order's goods goes back, and why (a reference)."""

    amount_fen = Fen(low=1, required=True)
    why = Why()


class OrderRefundOut(Body):
    """A refund, and out of what the merchant bears it: ``amount = fee_back + pending + available + debt``."""

    refund_id = Id(required=True)
    order_id = Id(required=True)
    amount_fen = Fen(required=True)
    fee_back_fen = Fen(required=True)
    pending_fen = Fen(required=True)
    available_fen = Fen(required=True)
    debt_fen = Fen(required=True)


def add_settlement(door: Door) -> None:
    """Give the operator's door its routes of settlement."""
    add_statements(door, Side.PLATFORM, Relation.PLATFORM)
    listing = list_of_payouts(Side.PLATFORM)

    @door.get("/payouts", query=PageQuery, answer=SentPayoutsOut)
    @policy("payout.read", Relation.PLATFORM)
    def list_payouts(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List payouts of all parties, newest first."""
        return listing(actor, query)

    @door.post("/payouts/<uuid:payout_id>/release", body=ReleaseIn, answer=ApprovalMovedOut, status=201, once=True)
    @policy("payout.request", Relation.PLATFORM)
    def request_release(actor: Actor, *, claim: Claim, payout_id: UUID, body: dict[str, Any]) -> ApprovalMoved:
        """Ask for a large payout to be sent to the bank; another person approves."""
        return ask_payout_release(actor, claim, payout_id=payout_id, why=body["why"])

    @door.get("/merchants/<uuid:merchant_id>/settlement", answer=SettlementOut)
    @policy("settlement.read", Relation.PLATFORM)
    def read_settlement(_actor: Actor, *, merchant_id: UUID) -> dict[str, Any]:
        """Read how a merchant is settled, and what stands in its accounts."""
        row = read(_TERMS, {"merchant_id": merchant_id}).one_or_none()
        if row is None:
            raise MerchantNotFound
        return dict(row._mapping)

    @door.put("/merchants/<uuid:merchant_id>/settlement", body=TermsIn, answer=TermsOut, once=True)
    @policy("settlement.write", Relation.PLATFORM)
    def put_settlement(actor: Actor, *, claim: Claim, merchant_id: UUID, body: dict[str, Any]) -> TermsSet:
        """Set how a merchant is settled from the next statement on."""
        return set_terms(actor, claim, merchant_id=merchant_id, cycle=Cycle(body.pop("cycle")), **body)

    @door.put("/orders/<uuid:order_id>/settlement-block", body=BlockIn, answer=BlockOut, once=True)
    @policy("settlement.block", Relation.PLATFORM)
    def put_settlement_block(actor: Actor, *, claim: Claim, order_id: UUID, body: dict[str, Any]) -> SettlementBlocked:
        """Hold back what an order earned while a case is open, or let it go."""
        return block_settlement(actor, claim, order_id=order_id, why=body["why"])

    @door.post("/orders/<uuid:order_id>/refunds", body=OrderRefundIn, answer=OrderRefundOut, status=201, once=True)
    @policy("refund.decide", Relation.PLATFORM)
    def refund_completed_order(actor: Actor, *, claim: Claim, order_id: UUID, body: dict[str, Any]) -> OrderRefunded:
        """Refund a part of a completed order; its merchant bears it."""
        return refund_order(actor, claim, order_id=order_id, **body)
