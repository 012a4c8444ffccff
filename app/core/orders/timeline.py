"""What happened to an order, in two languages, for each side (订单时间线): a pure function of its instants."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Step(StrEnum):
    """What can have happened."""

    PLACED = "placed"
    PAID = "paid"
    ACCEPTED = "accepted"
    COURIER_FOUND = "courier_found"
    REPLACED = "replaced"
    SHORTED = "shorted"
    READY = "ready"
    PICKED_UP = "picked_up"
    DELIVERY_FAILED = "delivery_failed"
    DELIVERED = "delivered"
    MADE_GOOD = "made_good"
    CANCEL_REQUESTED = "cancel_requested"
    REFUNDED = "refunded"
    CASE_OPENED = "case_opened"
    CASE_ENDED = "case_ended"
    RESCHEDULED = "rescheduled"
    PROVIDER_LOST = "provider_lost"
    SET_OUT = "set_out"
    CHECKED_IN = "checked_in"
    FINISHED = "finished"
    USED = "used"
    COMPLETED = "completed"
    CANCELED = "canceled"
    RETURNED = "returned"


class Reader(StrEnum):
    """For whom it is told."""

    RESIDENT = "resident"
    MERCHANT = "merchant"
    COURIER = "courier"
    PLATFORM = "platform"


WORDS: Mapping[Step, tuple[str, str]] = {
    Step.PLACED: ("订单已提交", "Order placed"),
    Step.PAID: ("支付成功", "Paid"),
    Step.ACCEPTED: ("商家已接单", "Accepted by the shop"),
    Step.COURIER_FOUND: ("管家已接单", "A courier will carry it"),
    Step.REPLACED: ("已换成替换商品", "Replaced by another item"),
    Step.SHORTED: ("部分商品缺货，已退款", "Some items are lacking and were refunded"),
    Step.READY: ("商家已备好", "Ready at the shop"),
    Step.PICKED_UP: ("管家已取货", "Picked up by the courier"),
    Step.DELIVERY_FAILED: ("未能送达", "Could not be handed over"),
    Step.DELIVERED: ("已送达", "Delivered"),
    Step.MADE_GOOD: ("超时赔付已到账", "Made good for being late"),
    Step.CANCEL_REQUESTED: ("已申请取消", "Cancelation asked for"),
    Step.REFUNDED: ("已退款", "Refunded"),
    Step.CASE_OPENED: ("已申请售后", "After-sale case opened"),
    Step.CASE_ENDED: ("售后已结束", "After-sale case ended"),
    Step.RESCHEDULED: ("预约时间已更改", "The appointment was moved"),
    Step.PROVIDER_LOST: ("服务人员无法上门", "The provider cannot come"),
    Step.SET_OUT: ("服务人员已出发", "The provider is on the way"),
    Step.CHECKED_IN: ("服务人员已上门", "The provider has begun"),
    Step.FINISHED: ("服务已完成，待确认", "The service is done"),
    Step.USED: ("券已核销", "Voucher redeemed"),
    Step.COMPLETED: ("订单已完成", "Completed"),
    Step.CANCELED: ("订单已取消", "Canceled"),
    Step.RETURNED: ("商品已退回商家", "Returned to the shop"),
}
OWN_WORDS: Mapping[tuple[Reader, Step], tuple[str, str]] = {
    (Reader.MERCHANT, Step.PAID): ("新订单，请接单", "New order: please accept"),
    (Reader.MERCHANT, Step.READY): ("您已出餐", "You said it is ready"),
    (Reader.COURIER, Step.COURIER_FOUND): ("您已接单", "You took the trip"),
    (Reader.COURIER, Step.PICKED_UP): ("您已取货", "You picked it up"),
    (Reader.MERCHANT, Step.CANCEL_REQUESTED): ("居民申请取消", "The resident asks to cancel"),
    (Reader.MERCHANT, Step.CASE_OPENED): ("居民申请售后，请处理", "The resident opened a case: please answer"),
}
"""Where a side is told the same in words of its own."""

HIDDEN: Mapping[Reader, frozenset[Step]] = {
    Reader.RESIDENT: frozenset(),
    Reader.MERCHANT: frozenset({Step.PLACED, Step.MADE_GOOD}),
    Reader.COURIER: frozenset(Step)
    - {
        *(Step.ACCEPTED, Step.COURIER_FOUND, Step.READY, Step.PICKED_UP, Step.DELIVERY_FAILED, Step.DELIVERED),
        *(Step.COMPLETED, Step.CANCELED, Step.RETURNED),
    },
    Reader.PLATFORM: frozenset(),
}
"""What is none of a side's business: what was not paid is not the shop's, nor what the platform pays for the way; a
courier is told of the way alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One step; ``amount_fen`` where money went back or was released."""

    step: Step
    at: datetime
    zh: str
    en: str
    amount_fen: int | None = None


def timeline(happened: Sequence[tuple[Step, datetime | None, int | None]], reader: Reader) -> list[Told]:
    """Return what happened, oldest first; steps of the same instant in the order of :class:`Step`.

    :param happened: steps with their instants, None for what has not happened, and amounts in fen.
    """
    places = {step: place for place, step in enumerate(Step)}
    told = [
        Told(step=step, at=at, zh=words[0], en=words[1], amount_fen=amount_fen)
        for step, at, amount_fen in happened
        if at is not None and step not in HIDDEN[reader]
        for words in [OWN_WORDS.get((reader, step), WORDS[step])]
    ]
    return sorted(told, key=lambda one: (one.at, places[one.step]))
