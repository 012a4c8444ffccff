"""Top up the e-account (充值) by WeChat Pay or card."""

from app.core.accounts.errors import SessionEnded
from app.core.events import PaymentAttemptRequested
from app.core.payments.models import PaymentChannel, PaymentPurpose
from app.core.payments.states import AttemptState, PaymentState
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.timers import Timer
from app.kernel.transaction import Claim, closing, opening, transaction
from app.usecases.paying.attempts import ATTEMPT_EXPIRES, ATTEMPT_LIFETIME, OPEN_ATTEMPT
from app.usecases.paying.pay_checkout import PaymentStarted

TOP_UP_FEN_MAX = 5_000_000
"""The largest single top-up, fen."""

_LIVE_SESSION = opening(
    "SELECT session_id FROM sessions WHERE session_id = :session_id AND account_id = :account_id AND ended_at IS NULL "
    "FOR SHARE"
)
_TOP_UP = closing(
    f"""
    made AS (
        INSERT INTO payments (payment_id, account_id, purpose, method, amount_fen, state, created_at)
        VALUES (:payment_id, :account_id, :purpose, :method, :amount_fen, :payment_state, business_now())
    ), {OPEN_ATTEMPT}"""
)


def top_up(
    actor: Actor, claim: Claim, *, amount_fen: int, channel: PaymentChannel = PaymentChannel.WECHAT_PAY
) -> PaymentStarted:
    """Begin a top-up; the money is in the account when the gateway says that it was paid.

    :param amount_fen: 1 to :data:`TOP_UP_FEN_MAX`.
    """
    with transaction(claim) as tx:
        params = {"session_id": actor.session_id, "account_id": actor.account_id}
        if tx.open_one(_LIVE_SESSION, params) is None:
            raise SessionEnded
        payment_id, attempt_id = new_id(), new_id()
        tx.record(PaymentAttemptRequested(payment_id=payment_id, account_id=actor.account_id, attempt_id=attempt_id))
        tx.schedule(Timer(ATTEMPT_EXPIRES, attempt_id, ATTEMPT_LIFETIME))
        started = PaymentStarted(
            payment_id=payment_id,
            checkout_id=None,
            method=channel.value,
            state=PaymentState.PENDING.value,
            amount_fen=amount_fen,
            attempt_id=attempt_id,
        )
        tx.keep(started)
        tx.close(
            _TOP_UP,
            {
                "payment_id": payment_id,
                "account_id": actor.account_id,
                "purpose": PaymentPurpose.TOP_UP.value,
                "method": channel.value,
                "payment_state": PaymentState.PENDING.value,
                "attempt_id": attempt_id,
                "attempt_key": f"attempt:{attempt_id}",
                "attempt_state": AttemptState.REQUESTED.value,
                "channel": channel.value,
                "amount_fen": amount_fen,
                "account_part_fen": 0,
            },
        )
    return started
