"""Pay a checkout (支付): from the e-account at once, by WeChat Pay or card at the gateway, or in two parts."""

from dataclasses import dataclass
from uuid import UUID

from app.core import ledger
from app.core.accounts.errors import SessionEnded
from app.core.events import PaymentAttemptRequested
from app.core.ledger import codes
from app.core.orders.repository import LOCK_TO_PAY, Checkout, lock_checkout
from app.core.orders.states import CHECKOUT_TRANSITIONS, CheckoutAction, CheckoutState
from app.core.payments.errors import (
    INTENT_FEN_MAX,
    AccountPartInvalid,
    AlreadyPaid,
    AmountOverLimit,
    CheckoutClosed,
    MixedPaymentOpen,
)
from app.core.payments.models import PaymentChannel, PaymentMethod
from app.core.payments.states import AttemptState, PaymentState
from app.core.stepup.errors import StepUpRefused
from app.core.stepup.models import Factor
from app.core.verification.limits import counting
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.machines import IllegalTransition, next_state
from app.kernel.timers import Timer
from app.kernel.transaction import Claim, Transaction, closing, crowded, transaction
from app.usecases.paying.attempts import ATTEMPT_EXPIRES, ATTEMPT_LIFETIME, OPEN_ATTEMPT
from app.usecases.paying.confirmed import EXPECT_GRANT_USED, GRANT_REFUSED, STRENGTH_OF, USE_GRANT, confirmed_by
from app.usecases.paying.parts import hold_part, is_part_held
from app.usecases.paying.settlement import EXPECT_PAID, PAID_WRITES, payment_journal, record_paid

_PAID = crowded(closing(f"{PAID_WRITES}, {USE_GRANT}", expecting={**EXPECT_GRANT_USED, **EXPECT_PAID}))
_CHOSEN = f"""
    chosen AS (
        UPDATE payments SET method = :method WHERE payment_id = :payment_id AND state = 'pending' RETURNING payment_id
    ), {OPEN_ATTEMPT}"""
_ATTEMPT = closing(_CHOSEN, expecting={})
_MIXED = closing(f"{_CHOSEN}, {USE_GRANT}", expecting=EXPECT_GRANT_USED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentStarted:
    """What paying answers: paid, or pending with an attempt whose code is to be scanned or card to be given."""

    payment_id: UUID
    checkout_id: UUID | None
    method: str
    state: str
    amount_fen: int
    attempt_id: UUID | None


def pay_checkout(
    actor: Actor,
    claim: Claim,
    *,
    checkout_id: UUID,
    method: PaymentMethod,
    step_up_grant: UUID | None,
    account_part_fen: int | None = None,
    channel: PaymentChannel = PaymentChannel.WECHAT_PAY,
) -> PaymentStarted:
    """Pay all orders of a checkout by one payment.

    Locks the checkout and its orders; then, from the e-account, the limit counters and the ledger's accounts. Two
    round trips. A mixed payment puts its part of the e-account on hold and opens an attempt for the rest.

    :param step_up_grant: what a payment PIN or a passkey bought for this checkout; money from outside takes none.
    :param account_part_fen: of a mixed payment, what the e-account pays; the grant is to be good for that.
    :param channel: of a mixed payment, by what the rest comes.
    :raises AccountPartInvalid: both are to pay something, and only a mixed payment has parts.
    :raises MixedPaymentOpen: a part is on hold for another code.
    :raises StepUpRequired, StepUpRefused: there is none, or it is not good for this; it is used only when paid.
    :raises AlreadyPaid, CheckoutClosed: the checkout is past paying.
    :raises app.core.ledger.InsufficientFunds: the e-account holds less.
    :raises VerificationNeeded, PaymentLimitExceeded, NewDeviceLimitExceeded: not from this account, or not so much.
    """
    with transaction(claim) as tx:
        checkout = lock_checkout(
            tx,
            LOCK_TO_PAY,
            {
                "checkout_id": checkout_id,
                "account_id": actor.account_id,
                "session_id": actor.session_id,
                "grant_id": step_up_grant,
                "account_part_fen": account_part_fen,
            },
        )
        if not checkout.is_in_standing:
            raise SessionEnded
        refuse_unpayable(checkout, actor)
        _refuse_part(checkout, method, account_part_fen)
        if account_part_fen is not None:
            return _pay_in_parts(tx, actor, checkout, step_up_grant, account_part_fen=account_part_fen, channel=channel)
        if method is PaymentMethod.E_ACCOUNT:
            return _pay_from_e_account(tx, actor, checkout, step_up_grant)
        if step_up_grant is not None:
            raise StepUpRefused(pointer="/step_up_grant")
        return _open_attempt(tx, actor, checkout, PaymentChannel(method))


def refuse_unpayable(checkout: Checkout, actor: Actor) -> None:
    """Refuse a checkout that is past paying.

    :raises AlreadyPaid, CheckoutClosed: it is paid, or over.
    """
    if checkout.state is CheckoutState.PAID:
        raise AlreadyPaid
    try:
        next_state(CHECKOUT_TRANSITIONS, checkout.state, CheckoutAction.PAY, actor.role)
    except IllegalTransition:
        raise CheckoutClosed(state=checkout.state.value) from None


def limits_of(actor: Actor, checkout: Checkout, factor: Factor, amount_fen: int | None = None) -> ledger.Ahead | None:
    """Return what counts a payment of ``checkout`` from the e-account against its limits, ahead of the posting.

    :param amount_fen: the part of it that the e-account pays; all of it without one.
    """
    return counting(
        actor.account_id,
        level=checkout.verification_level,
        strength=STRENGTH_OF[factor],
        is_new_device=checkout.is_new_device,
        amount_fen=checkout.total_fen if amount_fen is None else amount_fen,
        now=checkout.now,
    )


def paid_from_account(checkout: Checkout) -> PaymentStarted:
    """Return what is answered when the e-account paid for ``checkout``."""
    return PaymentStarted(
        payment_id=checkout.payment_id,
        checkout_id=checkout.checkout_id,
        method=PaymentMethod.E_ACCOUNT.value,
        state=PaymentState.PAID.value,
        amount_fen=checkout.total_fen,
        attempt_id=None,
    )


def paid_writes(checkout: Checkout, step_up_grant: UUID | None) -> dict[str, object]:
    """Return what a closing takes that marks ``checkout`` as paid from the e-account and uses up the grant."""
    return {
        "grant_id": step_up_grant,
        "checkout_id": checkout.checkout_id,
        "order_count": len(checkout.orders),
        "payment_id": checkout.payment_id,
        "method": PaymentMethod.E_ACCOUNT.value,
    }


def _pay_from_e_account(
    tx: Transaction, actor: Actor, checkout: Checkout, step_up_grant: UUID | None
) -> PaymentStarted:
    factor = confirmed_by(checkout.grant_factor, step_up_grant, amount_fen=checkout.total_fen)
    source = codes.e_account(actor.account_id)
    room = limits_of(actor, checkout, factor)
    ledger.post_along(tx, [payment_journal(checkout, key=f"pay:{checkout.payment_id}", source=source)], ahead=room)
    record_paid(tx, checkout)
    started = paid_from_account(checkout)
    tx.describe(details={"factor": factor.value})
    tx.keep(started)
    tx.close(_PAID, paid_writes(checkout, step_up_grant), unmet=GRANT_REFUSED)
    return started


def _refuse_part(checkout: Checkout, method: PaymentMethod, account_part_fen: int | None) -> None:
    most_fen = checkout.total_fen - 1 if method is PaymentMethod.MIXED else 0
    if account_part_fen is None and method is not PaymentMethod.MIXED:
        return
    if account_part_fen is None or not 0 < account_part_fen <= most_fen:
        raise AccountPartInvalid(pointer="/account_part_fen", account_part_fen_max=most_fen)


def _pay_in_parts(
    tx: Transaction,
    actor: Actor,
    checkout: Checkout,
    step_up_grant: UUID | None,
    *,
    account_part_fen: int,
    channel: PaymentChannel,
) -> PaymentStarted:
    factor = confirmed_by(checkout.grant_factor, step_up_grant, amount_fen=account_part_fen)
    if is_part_held(tx, checkout.payment_id):
        raise MixedPaymentOpen
    tx.describe(details={"factor": factor.value, "account_part_fen": account_part_fen})
    return _open_attempt(
        tx,
        actor,
        checkout,
        channel,
        account_part_fen=account_part_fen,
        room=limits_of(actor, checkout, factor, account_part_fen),
        step_up_grant=step_up_grant,
    )


def _open_attempt(
    tx: Transaction,
    actor: Actor,
    checkout: Checkout,
    channel: PaymentChannel,
    *,
    account_part_fen: int = 0,
    room: ledger.Ahead | None = None,
    step_up_grant: UUID | None = None,
) -> PaymentStarted:
    outside_fen = checkout.total_fen - account_part_fen
    if outside_fen > INTENT_FEN_MAX:
        raise AmountOverLimit(amount_fen_max=INTENT_FEN_MAX)
    method = PaymentMethod.MIXED if account_part_fen else PaymentMethod(channel)
    attempt_id = new_id()
    if account_part_fen:
        hold_part(tx, attempt_id, actor.account_id, account_part_fen, room)
    tx.record(
        PaymentAttemptRequested(payment_id=checkout.payment_id, account_id=actor.account_id, attempt_id=attempt_id)
    )
    tx.schedule(Timer(ATTEMPT_EXPIRES, attempt_id, ATTEMPT_LIFETIME))
    started = PaymentStarted(
        payment_id=checkout.payment_id,
        checkout_id=checkout.checkout_id,
        method=method.value,
        state=PaymentState.PENDING.value,
        amount_fen=checkout.total_fen,
        attempt_id=attempt_id,
    )
    tx.keep(started)
    tx.close(
        _MIXED if account_part_fen else _ATTEMPT,
        {
            "payment_id": checkout.payment_id,
            "method": method.value,
            "attempt_id": attempt_id,
            "attempt_key": f"attempt:{attempt_id}",
            "attempt_state": AttemptState.REQUESTED.value,
            "channel": channel.value,
            "amount_fen": outside_fen,
            "account_part_fen": account_part_fen,
            "grant_id": step_up_grant,
        },
        unmet=GRANT_REFUSED,
    )
    return started
