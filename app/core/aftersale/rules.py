"""Pure rules of after-sale: what may be asked for when, who is at fault, who pays, and until when whom we wait for.

Sources: 《消费者权益保护法》 articles 24 (quality: seven days) and 25 (no reason: seven days, with exclusions).
What is longer or finer than the law is our own rule.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from app.core.aftersale.errors import ExchangeDearer, NothingLeft, NotReturnable, TooManyPieces, WrongRemedy
from app.core.aftersale.states import CaseAction, CaseState


class CaseKind(StrEnum):
    """What the resident asks for (售后类型)."""

    REFUND_ONLY = "refund_only"
    RETURN = "return"
    EXCHANGE = "exchange"


class ExchangeWay(StrEnum):
    """Where the new piece is given for the old one (换货方式)."""

    COURIER = "courier"
    STORE = "store"
    SHOP = "shop"


class CaseReason(StrEnum):
    """Why (售后原因)."""

    WRONG_ITEM = "wrong_item"
    MISSING_ITEM = "missing_item"
    DAMAGED = "damaged"
    SPOILED = "spoiled"
    NOT_AS_DESCRIBED = "not_as_described"
    SERVICE_POOR = "service_poor"
    CHANGED_MIND = "changed_mind"


class CaseFault(StrEnum):
    """Who is at fault (责任方)."""

    MERCHANT = "merchant"
    COURIER = "courier"
    RESIDENT = "resident"
    PLATFORM = "platform"
    NOBODY = "nobody"


class Payer(StrEnum):
    """Who bears a refund (承担方)."""

    MERCHANT = "merchant"
    PLATFORM = "platform"


PRESUMED_FAULT: Mapping[CaseReason, CaseFault] = {
    CaseReason.WRONG_ITEM: CaseFault.MERCHANT,
    CaseReason.MISSING_ITEM: CaseFault.MERCHANT,
    CaseReason.DAMAGED: CaseFault.MERCHANT,
    CaseReason.SPOILED: CaseFault.MERCHANT,
    CaseReason.NOT_AS_DESCRIBED: CaseFault.MERCHANT,
    CaseReason.SERVICE_POOR: CaseFault.MERCHANT,
    CaseReason.CHANGED_MIND: CaseFault.NOBODY,
}
"""Whose fault a case is taken for while nobody has ruled: a merchant who agrees, or is silent, takes it on."""

PAYER_OF: Mapping[CaseFault, Payer] = {
    CaseFault.MERCHANT: Payer.MERCHANT,
    CaseFault.NOBODY: Payer.MERCHANT,
    CaseFault.RESIDENT: Payer.MERCHANT,
    CaseFault.COURIER: Payer.PLATFORM,
    CaseFault.PLATFORM: Payer.PLATFORM,
}
"""Who pays by fault. Goods that come back are the merchant's again; what a courier spoils is the platform's to bear."""

REMEDIES: Mapping[CaseReason, frozenset[CaseKind]] = {
    CaseReason.WRONG_ITEM: frozenset(CaseKind),
    CaseReason.MISSING_ITEM: frozenset({CaseKind.REFUND_ONLY}),
    CaseReason.DAMAGED: frozenset(CaseKind),
    CaseReason.SPOILED: frozenset({CaseKind.REFUND_ONLY}),
    CaseReason.NOT_AS_DESCRIBED: frozenset(CaseKind),
    CaseReason.SERVICE_POOR: frozenset({CaseKind.REFUND_ONLY}),
    CaseReason.CHANGED_MIND: frozenset({CaseKind.RETURN}),
}
"""What may be asked for with which reason."""

APPLY_WINDOW_GOODS = timedelta(days=15)
"""From receipt, for a fault; the law wants seven days."""
APPLY_WINDOW_PERISHABLE = timedelta(hours=48)
APPLY_WINDOW_CHANGED_MIND = timedelta(days=7)
"""Article 25."""


def apply_window(reason: CaseReason, *, is_perishable: bool) -> timedelta:
    """Return how long after receipt a case may be opened."""
    if reason is CaseReason.CHANGED_MIND:
        return APPLY_WINDOW_CHANGED_MIND
    return APPLY_WINDOW_PERISHABLE if is_perishable else APPLY_WINDOW_GOODS


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """How long a state waits before time acts, when whoever has to act is reminded, and what time then does.

    ``lapse`` is None where time only reminds again.
    """

    window: timedelta
    remind_after: timedelta
    lapse: CaseAction | None


_TWO_DAYS, _THREE_DAYS, _WEEK = timedelta(hours=48), timedelta(hours=72), timedelta(days=7)
_AGREES: Mapping[CaseKind, CaseAction] = {
    CaseKind.REFUND_ONLY: CaseAction.AGREE_REFUND,
    CaseKind.RETURN: CaseAction.AGREE_RETURN,
    CaseKind.EXCHANGE: CaseAction.AGREE_EXCHANGE,
}
_WAITS: Mapping[CaseState, Wait] = {
    CaseState.RETURNING: Wait(window=_WEEK, remind_after=timedelta(days=5), lapse=CaseAction.LAPSE),
    CaseState.SENT_BACK: Wait(window=_WEEK, remind_after=timedelta(days=5), lapse=CaseAction.RECEIVE),
    CaseState.EXCHANGING: Wait(window=_THREE_DAYS, remind_after=_TWO_DAYS, lapse=CaseAction.LAPSE),
    CaseState.REPLACED: Wait(window=_WEEK, remind_after=timedelta(days=5), lapse=CaseAction.CONFIRM_EXCHANGE),
    CaseState.CARRIED: Wait(window=_THREE_DAYS, remind_after=_TWO_DAYS, lapse=CaseAction.LAPSE),
    CaseState.SWAPPED: Wait(window=_WEEK, remind_after=timedelta(days=5), lapse=CaseAction.RECEIVE),
    CaseState.REJECTED: Wait(window=_THREE_DAYS, remind_after=_TWO_DAYS, lapse=CaseAction.LAPSE),
    CaseState.ESCALATED: Wait(window=_THREE_DAYS, remind_after=timedelta(hours=24), lapse=None),
}


def agreed_as(kind: CaseKind) -> CaseAction:
    """Return what agreeing to a case of ``kind`` does."""
    return _AGREES[kind]


def wait_of(state: CaseState, kind: CaseKind) -> Wait | None:
    """Return how long a case waits in ``state``; None where it is over."""
    if state is CaseState.APPLIED:
        return Wait(window=_TWO_DAYS, remind_after=timedelta(hours=36), lapse=agreed_as(kind))
    return _WAITS.get(state)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineLeft:
    """What is left of an order's line for cases.

    :param paid_fen: what was paid for it. :param left_fen: of that, neither given back nor asked for by a case.
    :param pieces_left: pieces that no case wants back or exchanged.
    :param is_excluded: it cannot be sent back without a reason: fresh, made to order, unsealed (article 25).
    """

    line: int
    quantity: int
    paid_fen: int
    left_fen: int
    pieces_left: int
    is_excluded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a case asks of one line; ``amount_fen`` None stands for all that may be.

    :param exchange_sku_id: what it is to be exchanged for; None is the same again.
    """

    line: int
    quantity: int
    amount_fen: int | None
    exchange_sku_id: UUID | None = None


def refuse_remedy(kind: CaseKind, reason: CaseReason, *, is_perishable: bool) -> None:
    """Refuse what the reason, or the goods, do not allow.

    :raises WrongRemedy: the reason does not go with it.
    :raises NotReturnable: food does not go back.
    """
    if kind not in REMEDIES[reason]:
        raise WrongRemedy(kind=kind.value, reason=reason.value, pointer="/kind")
    if is_perishable and kind is not CaseKind.REFUND_ONLY:
        raise NotReturnable(pointer="/kind")


def asked_fen(left: LineLeft, asked: Asked, kind: CaseKind, reason: CaseReason) -> int:
    """Return what a case may get of a line, fen: at most the share of its pieces, and what is left.

    The share of some pieces is rounded up, so that every piece alone can be had for; what is left bounds the sum.

    :raises TooManyPieces: more pieces than there are. :raises NothingLeft: more money than is left.
    :raises NotReturnable: the line cannot be sent back without a reason.
    """
    if reason is CaseReason.CHANGED_MIND and left.is_excluded:
        raise NotReturnable(line=left.line, pointer="/lines")
    pieces = left.quantity if kind is CaseKind.REFUND_ONLY else left.pieces_left
    if asked.quantity > pieces:
        raise TooManyPieces(line=left.line, left=pieces, pointer="/lines")
    most = min(left.left_fen, -(-left.paid_fen * asked.quantity // left.quantity))
    wanted = most if asked.amount_fen is None else asked.amount_fen
    if wanted > most or most == 0:
        raise NothingLeft(line=left.line, left_fen=most, pointer="/lines")
    return wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Recourse:
    """Where a refund after completion is taken from, fen; the parts sum to what is taken."""

    pending_fen: int
    available_fen: int
    debt_fen: int


def recourse(amount_fen: int, *, pending_fen: int, available_fen: int) -> Recourse:
    """Split what a merchant bears: this order's own earnings, what is settled; the rest is a debt.

    :param pending_fen: what the order's own unsettled item still holds.
    """
    assert min(amount_fen, pending_fen, available_fen) >= 0, "amounts to take and to take from"
    pending = min(amount_fen, pending_fen)
    available = min(amount_fen - pending, available_fen)
    return Recourse(pending_fen=pending, available_fen=available, debt_fen=amount_fen - pending - available)


REPLACEMENT_WINDOW = timedelta(minutes=10)
"""How long a resident thinks about a replacement; the kitchen waits."""


def replaced_fen(held_fen: int, price_fen: int, quantity: int) -> int:
    """Return what a line holds after its replacement: never more than before; what it costs less goes back."""
    return min(held_fen, price_fen * quantity)


def exchange_difference_fen(asked_fen: int, *, old_unit_fen: int, new_unit_fen: int) -> int:
    """Return what goes back because the new piece costs less: of what was paid, the part that its price is lower.

    :raises ExchangeDearer: it costs more; nobody pays more in an exchange.
    """
    if new_unit_fen > old_unit_fen:
        raise ExchangeDearer(unit_price_fen_max=old_unit_fen, pointer="/lines")
    return asked_fen * (old_unit_fen - new_unit_fen) // old_unit_fen
