"""What may be asked for that needs a second pair of eyes, and what is refused before anybody looks at it."""

from dataclasses import asdict, dataclass
from datetime import date
from uuid import UUID

import orjson

from app.core.accounts.models import MemberRole
from app.core.approvals.errors import (
    CorrectionInvalid,
    OwnApproval,
    RuleInvalid,
    SubjectNotFound,
)
from app.core.approvals.models import ApprovalKind
from app.core.bills.errors import BillerNotFound, BillOutcomeKnown, BillOutcomeTooEarly, BillPaymentNotFound
from app.core.bills.states import DECIDED_AFTER_DAYS, OPEN_BILL_STATES, BillPaymentState
from app.core.catalog.commission import RuleScope
from app.core.communities.errors import CommunityNotFound
from app.core.ledger.chart import CHART
from app.core.payments.disputes import DisputeBearer, refuse_answered, refuse_unborne
from app.core.payments.errors import DisputeNotFound, ItemResolved, MismatchNotFound
from app.core.payments.reconciliation import ItemState
from app.core.promotions.rules import CampaignTerms
from app.core.promotions.rules import refuse_unsound as refuse_unsound_campaign
from app.core.settlement.errors import PayoutNotFound, PayoutNotWaiting
from app.core.settlement.payouts import TARGET_CONTEXT, BankTarget
from app.core.settlement.states import PayoutState
from app.core.tills.errors import ShopDeskNotFound
from app.core.tills.states import SHOP_DESK_TRANSITIONS, ShopDeskAction, ShopDeskState
from app.kernel.actor import Actor
from app.kernel.machines import next_state
from app.kernel.sealing import seal
from app.kernel.transaction import Claim
from app.kernel.wire import Row
from app.usecases.deciding.approvals import ApprovalMoved, ask
from app.usecases.deciding.effects import refuse_start
from app.usecases.saving.term_end import TermTerms, refuse_unsound

_COUNTED = frozenset({"till_cash", "cash_in_transit", "store_float"})
"""Kinds of accounts that equal what tills, cash on its way and desks say of themselves: counts and ends move them."""
_CORRECTED = frozenset(kind.kind for kind in CHART) - _COUNTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """Move money between two ledger accounts, by their codes."""

    from_account: str
    to_account: str
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CommissionRate:
    """Let a shop's commission be ``commission_bp`` from the first minute of a day in Shanghai."""

    shop_id: UUID
    commission_bp: int
    starts_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class CommissionRule:
    """Let lines that are placed in a span of days have a rate, with least and most for one line, fen."""

    scope: str
    shop_id: UUID | None
    vertical: str | None
    rate_bp: int
    least_fen: int
    cap_fen: int | None
    starts_on: date
    ends_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffRole:
    """Give an account a role at the platform, or none."""

    account_id: UUID
    role: MemberRole | None


def ask_correction(actor: Actor, claim: Claim, *, why: str, wish: Correction) -> ApprovalMoved:
    """Ask for a correction of balances.

    :raises CorrectionInvalid: the two accounts are one, one is nobody's, or it says what is in a drawer or deposited.
    :raises OwnApproval: one of them is the asker's own.
    """
    codes = {"from_account": wish.from_account, "to_account": wish.to_account}
    if wish.from_account == wish.to_account:
        raise CorrectionInvalid
    for name, code in codes.items():
        kind, _, owner = code.partition(":")
        if kind not in _CORRECTED:
            raise CorrectionInvalid(pointer=f"/{name}")
        if owner == str(actor.account_id):
            raise OwnApproval(pointer=f"/{name}")
    owned = [code for code in codes.values() if ":" in code]

    def check(row: Row) -> None:
        if row.known_count != len(owned):
            raise CorrectionInvalid

    return ask(actor, claim, ApprovalKind.CORRECTION, check, why=why, body=asdict(wish), codes=owned)


def ask_commission_rate(actor: Actor, claim: Claim, *, why: str, wish: CommissionRate) -> ApprovalMoved:
    """Ask for a commission rate.

    :raises SubjectNotFound: no such shop. :raises StartsTooSoon: not tomorrow or later, or not within a year.
    """

    def check(row: Row) -> None:
        if not row.is_shop:
            raise SubjectNotFound(pointer="/shop_id")
        refuse_start(wish.starts_on, row.now)

    return ask(actor, claim, ApprovalKind.COMMISSION_RATE, check, why=why, body=asdict(wish), shop_id=wish.shop_id)


def ask_commission_rule(actor: Actor, claim: Claim, *, why: str, wish: CommissionRule) -> ApprovalMoved:
    """Ask for a commission rule.

    :raises RuleInvalid: it names what its scope does not have, or its bounds are crossed.
    :raises SubjectNotFound: no such shop. :raises StartsTooSoon: it could not be announced in time.
    """
    wants_shop, wants_vertical = wish.scope == RuleScope.SHOP, wish.scope == RuleScope.VERTICAL
    if wants_shop != (wish.shop_id is not None) or wants_vertical > (wish.vertical is not None):
        raise RuleInvalid(pointer="/scope")
    if wants_shop and wish.vertical is not None:
        raise RuleInvalid(pointer="/vertical")
    if wish.cap_fen is not None and wish.cap_fen < wish.least_fen:
        raise RuleInvalid(pointer="/cap_fen")
    if wish.ends_on is not None and wish.ends_on < wish.starts_on:
        raise RuleInvalid(pointer="/ends_on")

    def check(row: Row) -> None:
        if wants_shop and not row.is_shop:
            raise SubjectNotFound(pointer="/shop_id")
        refuse_start(wish.starts_on, row.now)

    return ask(actor, claim, ApprovalKind.COMMISSION_RULE, check, why=why, body=asdict(wish), shop_id=wish.shop_id)


def ask_staff_role(actor: Actor, claim: Claim, *, why: str, wish: StaffRole) -> ApprovalMoved:
    """Ask for a change of somebody's role at the platform.

    :raises SubjectNotFound: no such active account. :raises OwnApproval: it is the asker's own.
    """

    def check(row: Row) -> None:
        if not row.is_account:
            raise SubjectNotFound(pointer="/account_id")
        if wish.account_id == actor.account_id:
            raise OwnApproval(pointer="/account_id")

    return ask(actor, claim, ApprovalKind.STAFF_ROLE, check, why=why, body=asdict(wish), subject_id=wish.account_id)


def ask_payout_release(actor: Actor, claim: Claim, *, why: str, payout_id: UUID) -> ApprovalMoved:
    """Ask for a large payout to be sent to the bank.

    :raises PayoutNotFound: no such payout. :raises PayoutNotWaiting: it does not wait for two people.
    """

    def check(row: Row) -> None:
        if row.payout_state is None:
            raise PayoutNotFound
        if row.payout_state != PayoutState.REQUESTED:
            raise PayoutNotWaiting(state=row.payout_state)

    body = {"payout_id": payout_id}
    return ask(actor, claim, ApprovalKind.PAYOUT, check, why=why, body=body, payout_id=payout_id)


def ask_resolution(actor: Actor, claim: Claim, *, why: str, item_id: UUID) -> ApprovalMoved:
    """Ask for a mismatch of reconciliation to be resolved.

    :raises MismatchNotFound: no such item. :raises ItemResolved: it was resolved before.
    """

    def check(row: Row) -> None:
        if row.item_state is None:
            raise MismatchNotFound
        if row.item_state != ItemState.OPEN:
            raise ItemResolved

    body = {"item_id": item_id}
    return ask(actor, claim, ApprovalKind.MISMATCH, check, why=why, body=body, item_id=item_id)


def ask_acceptance(actor: Actor, claim: Claim, *, why: str, dispute_id: UUID) -> ApprovalMoved:
    """Ask for a dispute to be given up.

    :raises DisputeNotFound: no such dispute. :raises DisputeOver: it takes no answer.
    :raises DisputeAnswered: it was answered before.
    """

    def check(row: Row) -> None:
        if row.dispute_state is None:
            raise DisputeNotFound
        refuse_answered(row.dispute_state, answer=row.dispute_answer, is_late=row.is_dispute_late)

    kind, body = ApprovalKind.DISPUTE_ACCEPTANCE, {"dispute_id": dispute_id}
    return ask(actor, claim, kind, check, why=why, body=body, dispute_id=dispute_id)


def ask_bearer(actor: Actor, claim: Claim, *, why: str, dispute_id: UUID, bearer: DisputeBearer) -> ApprovalMoved:
    """Ask for what is left of a lost dispute to be borne by somebody.

    :raises DisputeNotFound: no such dispute. :raises DisputeNotLost: nothing is left, or it is not lost.
    :raises BearerInvalid: the payer of an order.
    """

    def check(row: Row) -> None:
        if row.dispute_state is None:
            raise DisputeNotFound
        refuse_unborne(row.dispute_state, open_fen=row.dispute_open_fen, purpose=row.dispute_purpose, bearer=bearer)

    kind, body = ApprovalKind.DISPUTE_LOSS, {"dispute_id": dispute_id, "bearer": bearer.value}
    return ask(actor, claim, kind, check, why=why, body=body, dispute_id=dispute_id)


def ask_bill_outcome(actor: Actor, claim: Claim, *, why: str, bill_payment_id: UUID, is_paid: bool) -> ApprovalMoved:
    """Ask for a payment of a bill to be ended, of which its biller has not said for days what became of it.

    :param is_paid: whether the biller has it; if not, the money goes back.
    :raises BillPaymentNotFound: no such payment. :raises BillOutcomeKnown: it has ended.
    :raises BillOutcomeTooEarly: it has not been unknown for :data:`DECIDED_AFTER_DAYS`.
    """

    def check(row: Row) -> None:
        if row.bill_state is None:
            raise BillPaymentNotFound
        if BillPaymentState(row.bill_state) not in OPEN_BILL_STATES:
            raise BillOutcomeKnown(state=row.bill_state)
        if row.bill_state == BillPaymentState.DEBITED or not row.is_bill_silent:
            raise BillOutcomeTooEarly(days=DECIDED_AFTER_DAYS)

    body = {"bill_payment_id": bill_payment_id, "is_paid": is_paid}
    kind = ApprovalKind.BILL_OUTCOME
    return ask(actor, claim, kind, check, why=why, body=body, bill_payment_id=bill_payment_id)


def ask_biller_account(actor: Actor, claim: Claim, *, why: str, biller_id: UUID, target: BankTarget) -> ApprovalMoved:
    """Ask for a biller's money to go to a bank account.

    :raises BillerNotFound: no such biller.
    """

    def check(row: Row) -> None:
        if not row.is_biller:
            raise BillerNotFound

    sealed = seal(orjson.dumps(target).decode(), context=TARGET_CONTEXT)
    body = {"biller_id": biller_id, "tail": target.number[-4:], "target_sealed": sealed}
    return ask(actor, claim, ApprovalKind.BILLER_ACCOUNT, check, why=why, body=body, biller_id=biller_id)


def ask_term_product(actor: Actor, claim: Claim, *, why: str, wish: TermTerms) -> ApprovalMoved:
    """Ask for a term product to be put on sale.

    :raises TermTermsInvalid: its terms contradict each other, or its opening is not ahead.
    """

    def check(row: Row) -> None:
        refuse_unsound(wish, row.now)

    return ask(actor, claim, ApprovalKind.TERM_PRODUCT, check, why=why, body=asdict(wish))


def ask_campaign(actor: Actor, claim: Claim, *, why: str, wish: CampaignTerms) -> ApprovalMoved:
    """Ask for a campaign of any budget.

    :raises CampaignTermsInvalid: its terms contradict each other. :raises CommunityNotFound: it is for none there is.
    """

    def check(row: Row) -> None:
        if not row.is_community:
            raise CommunityNotFound(pointer="/community_id")
        refuse_unsound_campaign(wish, row.now)

    body, community_id = asdict(wish), wish.community_id
    return ask(actor, claim, ApprovalKind.CAMPAIGN, check, why=why, body=body, community_id=community_id)


def ask_shop_desk(actor: Actor, claim: Claim, *, why: str, shop_id: UUID, deposit_fen: int) -> ApprovalMoved:
    """Ask for a shop to be appointed as a desk against a deposit, which its merchant then accepts.

    :raises ShopDeskNotFound: there is no such shop.
    """

    def check(row: Row) -> None:
        if not row.is_shop:
            raise ShopDeskNotFound(pointer="/shop_id")

    body = {"shop_id": shop_id, "deposit_fen": deposit_fen}
    return ask(actor, claim, ApprovalKind.SHOP_DESK, check, why=why, body=body, shop_id=shop_id)


def ask_desk_end(actor: Actor, claim: Claim, *, why: str, desk_id: UUID) -> ApprovalMoved:
    """Ask for a shop's desk to end.

    :raises ShopDeskNotFound: there is none. :raises IllegalTransition: it has ended.
    """

    def check(row: Row) -> None:
        if row.desk_state is None:
            raise ShopDeskNotFound
        next_state(SHOP_DESK_TRANSITIONS, ShopDeskState(row.desk_state), ShopDeskAction.END, actor.role)

    return ask(actor, claim, ApprovalKind.SHOP_DESK_END, check, why=why, body={"desk_id": desk_id}, desk_id=desk_id)
