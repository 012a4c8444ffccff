"""Paying a checkout from a fund (凤凰宝支付): redeem at once, then pay, by one call of the ledger.

Fund shares never pay a shop: they become balance first, advanced by the bank, and the balance pays. A payment from the
e-account that lacks something takes just that from the fund, when its owner has a sweep rule that says so.
"""

from uuid import UUID

from sqlalchemy import text

from app.core import ledger
from app.core.accounts.errors import SessionEnded
from app.core.ledger import InsufficientFunds, JournalKind, codes
from app.core.orders.repository import LOCK_TO_PAY, lock_checkout
from app.core.payments.models import PaymentChannel, PaymentMethod
from app.core.wealth.errors import FundNotFound, FundUnitsInsufficient
from app.core.wealth.states import FundOrderKind, FundOrderSource
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, closing, read, transaction
from app.usecases.paying.confirmed import EXPECT_GRANT_USED, GRANT_REFUSED, USE_GRANT, confirmed_by
from app.usecases.paying.pay_checkout import (
    PaymentStarted,
    limits_of,
    paid_from_account,
    paid_writes,
    pay_checkout,
    refuse_unpayable,
)
from app.usecases.paying.settlement import EXPECT_PAID, PAID_WRITES, payment_journal, record_paid
from app.usecases.saving import journals
from app.usecases.saving.orders import LOCK_HOLDING, PLACE, TAKE_UNITS, at_once, placing, taking

_HOLDING = text(LOCK_HOLDING)
_IS_FUND = text("SELECT 1 FROM funds WHERE fund_id = :fund_id")
_RULE = text("SELECT fund_id FROM sweep_rules WHERE account_id = :account_id AND is_pull_back")
_PAID = closing(
    f"{PAID_WRITES}, {USE_GRANT}, {PLACE}, {TAKE_UNITS}",
    expecting={**EXPECT_GRANT_USED, **EXPECT_PAID, "taken": "(SELECT count(*) FROM taken) = 1"},
)


def pay_checkout_or_pull_back(
    actor: Actor,
    claim: Claim,
    *,
    checkout_id: UUID,
    method: PaymentMethod,
    step_up_grant: UUID | None,
    account_part_fen: int | None = None,
    channel: PaymentChannel = PaymentChannel.WECHAT_PAY,
) -> PaymentStarted:
    """Pay as :func:`pay_checkout`; what the e-account lacks is pulled back from the fund where a sweep rule says so."""
    try:
        return pay_checkout(
            actor,
            claim,
            checkout_id=checkout_id,
            method=method,
            step_up_grant=step_up_grant,
            account_part_fen=account_part_fen,
            channel=channel,
        )
    except InsufficientFunds:
        if method is PaymentMethod.MIXED:
            raise
        fund_id: UUID | None = read(_RULE, {"account_id": actor.account_id}).scalar()
        if fund_id is None:
            raise
    return pay_checkout_from_fund(
        actor, claim, checkout_id=checkout_id, fund_id=fund_id, step_up_grant=step_up_grant, is_rest_only=True
    )


def pay_checkout_from_fund(
    actor: Actor,
    claim: Claim,
    *,
    checkout_id: UUID,
    fund_id: UUID,
    step_up_grant: UUID | None,
    is_rest_only: bool = False,
) -> PaymentStarted:
    """Pay a checkout with what is redeemed from a fund at once; it counts towards the day's cap.

    Locks the checkout, its orders, the holding, the limit counters, then the ledger's accounts.

    :param is_rest_only: redeem no more than the e-account lacks.
    :raises FundNotFound, FundUnitsInsufficient, FastRedemptionExceeded, CalendarUnknown: of the fund.
    :raises LinliError: otherwise as :func:`pay_checkout`.
    """
    with transaction(claim) as tx:
        asked: dict[str, object] = {
            "checkout_id": checkout_id,
            "account_id": actor.account_id,
            "session_id": actor.session_id,
            "grant_id": step_up_grant,
            "account_part_fen": None,
        }
        checkout = lock_checkout(tx, LOCK_TO_PAY, asked)
        if not checkout.is_in_standing:
            raise SessionEnded
        refuse_unpayable(checkout, actor)
        factor = confirmed_by(checkout.grant_factor, step_up_grant, amount_fen=checkout.total_fen)
        row = tx.execute(_HOLDING, {"account_id": actor.account_id, "fund_id": fund_id}).one_or_none()
        if row is None:
            if tx.execute(_IS_FUND, {"fund_id": fund_id}).first() is None:
                raise FundNotFound
            raise FundUnitsInsufficient(available_fen=0)
        source = codes.e_account(actor.account_id)
        amount_fen = checkout.total_fen
        if is_rest_only:
            amount_fen = max(1, amount_fen - ledger.balance(tx, source).available_fen)
        moved = at_once(row, amount_fen, FundOrderKind.PAY)
        room = limits_of(actor, checkout, factor)
        redeemed = journals.order_journal(
            "fund-pay",
            moved.fund_order_id,
            JournalKind.FUND_REDEMPTION,
            journals.redeemed_at_once(actor.account_id, amount_fen),
        )
        paid = payment_journal(checkout, key=f"pay:{checkout.payment_id}", source=source)
        credited = journals.credit(moved.fund_order_id, actor.account_id, row.uncredited_fen)
        ledger.post_along(tx, [*credited, redeemed, paid], ahead=room)
        record_paid(tx, checkout)
        started = paid_from_account(checkout)
        tx.describe(details={"factor": factor.value, "from_fund_fen": amount_fen})
        tx.keep(started)
        tx.close(
            _PAID,
            {
                **placing(actor.account_id, moved, FundOrderSource.PAYMENT),
                **taking(row, moved),
                **paid_writes(checkout, step_up_grant),
            },
            unmet=GRANT_REFUSED,
        )
    return started
