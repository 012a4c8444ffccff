"""The machines of after-sale cases and of offered replacements: who may move what from where to where."""

from enum import StrEnum

from app.kernel.actor import Role
from app.kernel.machines import Table

_RESIDENT, _MERCHANT = frozenset({Role.RESIDENT}), frozenset({Role.MERCHANT})
_PLATFORM, _SYSTEM = frozenset({Role.PLATFORM}), frozenset({Role.SYSTEM})
_STORE, _COURIER = frozenset({Role.STORE}), frozenset({Role.COURIER})


class CaseState(StrEnum):
    """Where an after-sale case stands. Each state but the last four has somebody to act, and a deadline."""

    APPLIED = "applied"
    RETURNING = "returning"
    SENT_BACK = "sent_back"
    EXCHANGING = "exchanging"
    REPLACED = "replaced"
    CARRIED = "carried"
    SWAPPED = "swapped"
    REJECTED = "rejected"
    ESCALATED = "escalated"
    REFUNDED = "refunded"
    EXCHANGED = "exchanged"
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"


class CaseAction(StrEnum):
    """What can happen to a case."""

    AGREE_REFUND = "agree_refund"
    AGREE_RETURN = "agree_return"
    AGREE_EXCHANGE = "agree_exchange"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    ESCALATE = "escalate"
    SEND_BACK = "send_back"
    RECEIVE = "receive"
    DISPUTE_RETURN = "dispute_return"
    REPLACE = "replace"
    SEND_OUT = "send_out"
    SWAP = "swap"
    TAKE_BACK = "take_back"
    CONFIRM_EXCHANGE = "confirm_exchange"
    REPORT_LOST = "report_lost"
    RULE_REFUND = "rule_refund"
    RULE_RETURN = "rule_return"
    RULE_REFUSE = "rule_refuse"
    LAPSE = "lapse"


FINAL_CASE_STATES = frozenset({CaseState.REFUNDED, CaseState.EXCHANGED, CaseState.WITHDRAWN, CaseState.REFUSED})

_S, _A = CaseState, CaseAction

CASE_TRANSITIONS: Table[CaseState, CaseAction] = {
    (_S.APPLIED, _A.AGREE_REFUND): (_S.REFUNDED, _MERCHANT | _SYSTEM),
    (_S.APPLIED, _A.AGREE_RETURN): (_S.RETURNING, _MERCHANT | _SYSTEM),
    (_S.APPLIED, _A.AGREE_EXCHANGE): (_S.EXCHANGING, _MERCHANT | _SYSTEM),
    (_S.APPLIED, _A.REJECT): (_S.REJECTED, _MERCHANT),
    (_S.APPLIED, _A.WITHDRAW): (_S.WITHDRAWN, _RESIDENT),
    (_S.REJECTED, _A.AGREE_REFUND): (_S.REFUNDED, _MERCHANT),
    (_S.REJECTED, _A.ESCALATE): (_S.ESCALATED, _RESIDENT),
    (_S.REJECTED, _A.WITHDRAW): (_S.WITHDRAWN, _RESIDENT),
    (_S.REJECTED, _A.LAPSE): (_S.REFUSED, _SYSTEM),
    (_S.RETURNING, _A.SEND_BACK): (_S.SENT_BACK, _RESIDENT | _STORE),
    (_S.RETURNING, _A.WITHDRAW): (_S.WITHDRAWN, _RESIDENT),
    (_S.RETURNING, _A.LAPSE): (_S.WITHDRAWN, _SYSTEM),
    (_S.SENT_BACK, _A.RECEIVE): (_S.REFUNDED, _MERCHANT | _SYSTEM),
    (_S.SENT_BACK, _A.DISPUTE_RETURN): (_S.ESCALATED, _MERCHANT),
    (_S.EXCHANGING, _A.REPLACE): (_S.REPLACED, _MERCHANT),
    (_S.EXCHANGING, _A.SEND_OUT): (_S.CARRIED, _MERCHANT | _COURIER),
    (_S.EXCHANGING, _A.AGREE_REFUND): (_S.REFUNDED, _MERCHANT),
    (_S.EXCHANGING, _A.WITHDRAW): (_S.WITHDRAWN, _RESIDENT),
    (_S.EXCHANGING, _A.LAPSE): (_S.REFUNDED, _SYSTEM),
    (_S.REPLACED, _A.CONFIRM_EXCHANGE): (_S.EXCHANGED, _RESIDENT | _SYSTEM),
    (_S.REPLACED, _A.ESCALATE): (_S.ESCALATED, _RESIDENT),
    (_S.CARRIED, _A.SWAP): (_S.SWAPPED, _COURIER | _STORE),
    (_S.CARRIED, _A.TAKE_BACK): (_S.EXCHANGING, _MERCHANT | _COURIER | _SYSTEM),
    (_S.CARRIED, _A.REPORT_LOST): (_S.ESCALATED, _COURIER | _SYSTEM),
    (_S.CARRIED, _A.LAPSE): (_S.ESCALATED, _SYSTEM),
    (_S.SWAPPED, _A.RECEIVE): (_S.EXCHANGED, _MERCHANT | _SYSTEM),
    (_S.SWAPPED, _A.DISPUTE_RETURN): (_S.ESCALATED, _MERCHANT),
    (_S.ESCALATED, _A.AGREE_REFUND): (_S.REFUNDED, _MERCHANT),
    (_S.ESCALATED, _A.WITHDRAW): (_S.WITHDRAWN, _RESIDENT),
    (_S.ESCALATED, _A.RULE_REFUND): (_S.REFUNDED, _PLATFORM),
    (_S.ESCALATED, _A.RULE_RETURN): (_S.RETURNING, _PLATFORM),
    (_S.ESCALATED, _A.RULE_REFUSE): (_S.REFUSED, _PLATFORM),
}
"""A merchant's silence agrees to what was asked; a resident's lets it rest. The platform is reminded until it rules.

An exchange (换货) is made at the shop (replaced), or carried to the resident's door or to the store's counter, where
the old piece is taken back in the same moment (swapped). What a courier could not give waits at the shop, and what they
lost is ruled on. What nobody can bring any more is refunded, by decision or by time.
"""


class ReplacementState(StrEnum):
    """Where a replacement stands that a shop offers for a line that it lacks (换货商品)."""

    OFFERED = "offered"
    ACCEPTED = "accepted"
    DECLINED = "declined"


class ReplacementAction(StrEnum):
    """What can happen to an offered replacement."""

    ACCEPT = "accept"
    DECLINE = "decline"


FINAL_REPLACEMENT_STATES = frozenset({ReplacementState.ACCEPTED, ReplacementState.DECLINED})

REPLACEMENT_TRANSITIONS: Table[ReplacementState, ReplacementAction] = {
    (ReplacementState.OFFERED, ReplacementAction.ACCEPT): (ReplacementState.ACCEPTED, _RESIDENT),
    (ReplacementState.OFFERED, ReplacementAction.DECLINE): (ReplacementState.DECLINED, _RESIDENT | _SYSTEM),
}
"""Ten minutes of silence decline it: the line is refunded (同意替换 / 退款)."""
