"""Pure rules of an order's life: windows, promises, and who gets what when it ends."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from app.core.orders.states import OrderState
from app.kernel.clock import SHANGHAI
from app.kernel.money import rate_fen

PAYMENT_WINDOW = timedelta(minutes=15)
ACCEPT_WINDOW = timedelta(minutes=5)
FREE_CANCEL_WINDOW = timedelta(minutes=2)
CANCEL_ANSWER_WINDOW = timedelta(minutes=10)
LATE_PREPARATION = timedelta(minutes=60)
"""An hour past the promise, the resident may cancel a preparing order freely."""
NO_COURIER_ALERT = timedelta(minutes=10)
NO_COURIER_END = timedelta(minutes=30)
COURIER_WAITED_FOR = timedelta(minutes=90)
"""How long a ready order waits for a courier who has claimed it and does not come."""
CONFIRM_WINDOW_PERISHABLE = timedelta(hours=24)
CONFIRM_WINDOW_GOODS = timedelta(days=7)
COLLECT_WINDOW = timedelta(hours=48)
STRANDED_WINDOW = timedelta(hours=24)
"""A delivery that its courier neither ends nor decides about is closed by us after this."""
DELIVERY_ALLOWANCE = timedelta(minutes=20)

CODE_DIGITS = 4
COLLECT_CODE_DIGITS = 6


def order_number(order_id: UUID, placed_at: datetime) -> str:
    """Return the number that people read out: month and day, then eight digits; unique in practice per shop and day."""
    digits = str(order_id.int % 10**8).zfill(8)
    return f"{placed_at.astimezone(SHANGHAI):%m%d}-{digits[:4]}-{digits[4:]}"


def promised_at(accepted_at: datetime, preparation_minutes: int, *, is_delivered: bool) -> datetime:
    """Return by when the order is promised: preparation, and an allowance for the way."""
    ready = accepted_at + timedelta(minutes=preparation_minutes)
    return ready + DELIVERY_ALLOWANCE if is_delivered else ready


def may_cancel_freely(
    state: OrderState, *, accepted_at: datetime | None, ready_due_at: datetime | None, is_shorted: bool, now: datetime
) -> bool:
    """Say whether the resident may cancel without asking.

    That is so before acceptance, within two minutes of it, once the shop was short of something, or when the kitchen is
    an hour late.
    """
    if state is OrderState.AWAITING_ACCEPT or is_shorted:
        return True
    if accepted_at is not None and now <= accepted_at + FREE_CANCEL_WINDOW:
        return True
    return ready_due_at is not None and now > ready_due_at + LATE_PREPARATION


class Ending(StrEnum):
    """The ways in which a paid order's money leaves its escrow."""

    COMPLETED = "completed"
    """Handed over, collected, or undeliverable by the resident's fault: everyone is paid."""
    CANCELED = "canceled"
    """It never left the shop: all goes back."""
    GIVEN_UP = "given_up"
    """Ready, but nobody came to carry it: all goes back, the platform pays the shop."""
    RETURNED_RESIDENT_FAULT = "returned_resident_fault"
    """Goods are back at the shop by the resident's fault: goods are refunded, the way is paid."""
    RETURNED_NO_FAULT = "returned_no_fault"
    """Goods are back by nobody's fault: all goes back, the platform pays the way."""
    LOST_PLATFORM = "lost_platform"
    """Spoiled by nobody's fault: all goes back, the platform pays shop and courier."""
    LOST_COURIER = "lost_courier"
    """Spoiled by the courier: all goes back, the platform pays the shop, the way is not paid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Where the escrow goes, and what the platform adds, fen.

    ``refund + merchant + commission + courier = escrow + subsidy + platform loss + promotion``.
    """

    refund_fen: int
    merchant_fen: int
    commission_fen: int
    courier_fen: int
    subsidy_fen: int
    platform_loss_fen: int
    promotion_fen: int = 0

    def promoted(self, promotion_fen: int) -> "Shares":
        """Return the shares with what the platform's coupon adds for goods that are paid for.

        It is the shop's: the commission is on the whole price already, as if there were no coupon. A shop that is not
        paid gets none.
        """
        if self.merchant_fen + self.commission_fen == 0:
            return self
        return replace(self, merchant_fen=self.merchant_fen + promotion_fen, promotion_fen=promotion_fen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What a line's commission is by: the rule's name or id, its rate, and least and most for one line, fen."""

    rule: str
    bp: int
    least_fen: int = 0
    cap_fen: int | None = None


def commission_fen_of(refundable_fen: int, rate: Rate) -> int:
    """Return the commission on what is really sold of a line: half-up once, not below its least nor above its most.

    Never more than the line itself: what is left of it is the shop's, and that is nothing at the least.
    """
    most = refundable_fen if rate.cap_fen is None else min(rate.cap_fen, refundable_fen)
    return min(max(rate_fen(refundable_fen, rate.bp), rate.least_fen), most)


def commission_of(lines: Sequence[tuple[int, Rate]]) -> int:
    """Return the commission on ``(refundable fen, rate)`` lines."""
    return sum(commission_fen_of(refundable_fen, rate) for refundable_fen, rate in lines)


def promotion_left_fen(platform_off_fen: int, *, left_fen: int, paid_fen: int) -> int:
    """Return what the platform adds for a line that was paid with ``paid_fen`` and still costs ``left_fen``, fen.

    Pro rata, half-up once, in any number of steps what one would leave. A line that cost the resident nothing cannot be
    refunded, and keeps all of it.
    """
    if paid_fen == 0:
        return platform_off_fen
    return (2 * platform_off_fen * left_fen + paid_fen) // (2 * paid_fen)


def shares_at_end(
    ending: Ending, *, goods_fen: int, commission_fen: int, delivery_fen: int, pay_fen: int | None = None
) -> Shares:
    """Split what is left in an order's escrow by how the order ended.

    :param goods_fen: what its lines still hold. :param commission_fen: the commission on that.
    :param delivery_fen: the delivery fee.
    :param pay_fen: what the way pays to the courier, the fee or more; without a courier the fee.
    """
    pay_fen = delivery_fen if pay_fen is None else pay_fen
    assert pay_fen >= delivery_fen, "the fee is the courier's"
    escrow_fen = goods_fen + delivery_fen
    if ending is Ending.COMPLETED:
        refund, merchant, commission, courier = 0, goods_fen - commission_fen, commission_fen, pay_fen
    elif ending is Ending.CANCELED:
        refund, merchant, commission, courier = escrow_fen, 0, 0, 0
    elif ending is Ending.GIVEN_UP or ending is Ending.LOST_COURIER:
        refund, merchant, commission, courier = escrow_fen, goods_fen - commission_fen, commission_fen, 0
    elif ending is Ending.RETURNED_RESIDENT_FAULT:
        refund, merchant, commission, courier = goods_fen, 0, 0, pay_fen
    elif ending is Ending.RETURNED_NO_FAULT:
        refund, merchant, commission, courier = escrow_fen, 0, 0, pay_fen
    else:
        refund, merchant, commission, courier = escrow_fen, goods_fen - commission_fen, commission_fen, pay_fen
    subsidy_fen = pay_fen - delivery_fen if courier else 0
    return Shares(
        refund_fen=refund,
        merchant_fen=merchant,
        commission_fen=commission,
        courier_fen=courier,
        subsidy_fen=subsidy_fen,
        platform_loss_fen=refund + merchant + commission + courier - escrow_fen - subsidy_fen,
    )
