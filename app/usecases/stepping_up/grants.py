"""Step-up grants (支付授权): a PIN or a passkey buys leave for one payment to one payee, up to an amount."""

from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from app.core.passkeys.ceremony import RelyingParty
from app.core.passkeys.errors import PasskeyWaits, PasskeyWrong
from app.core.stepup.models import Factor
from app.kernel.actor import Actor
from app.kernel.audit import Act, Outcome
from app.kernel.clock import wall_now
from app.kernel.ids import new_id
from app.kernel.transaction import Transaction, read, transaction
from app.usecases.passkeys.answers import Answer, answer_own
from app.usecases.passkeys.challenges import to_pay
from app.usecases.stepping_up.payment_pin import try_pin
from app.usecases.stepping_up.purposes import Payee

LIFETIME = timedelta(minutes=5)

_STILL_THERE = text("SELECT 1 FROM passkeys WHERE passkey_id = :passkey_id AND stopped_at IS NULL FOR SHARE")
"""A passkey that is being removed takes the grants along that it bought before."""
_GRANT = text(
    """
    INSERT INTO step_up_grants (grant_id, session_id, purpose, subject_id, amount_fen_max, factor, expires_at,
        is_new_device)
    VALUES (:grant_id, :session_id, :purpose, :subject_id, :amount_fen_max, :factor,
        clock_timestamp() + CAST(:lifetime AS interval),
        coalesce((SELECT cooling_until > clock_timestamp() FROM sessions WHERE session_id = :session_id), false))
    RETURNING is_new_device
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """A grant; it is named when paying."""

    grant_id: UUID
    subject_id: UUID
    amount_fen: int
    factor: str
    is_new_device: bool
    expires_in_s: int


def grant_by_pin(actor: Actor, payee: Payee, *, amount_fen: int, pin: str) -> Granted:
    """Buy leave to pay from the e-account, up to ``amount_fen``, in the same session, once, for five minutes.

    :raises NotFound: what is paid for is nobody's, or another's; the subject says which.
    :raises PinNotSet, PinWrong, PinLocked, PinBlocked: of the PIN.
    """
    with transaction() as tx:
        if tx.execute(payee.subject.is_own, payee.asked_by(actor)).first() is None:
            raise payee.subject.absent
        refusal = try_pin(tx, actor, pin, _act(actor, payee))
        if refusal is None:
            return _grant(tx, actor, payee, amount_fen, Factor.PIN)
    raise refusal


def grant_by_passkey(actor: Actor, party: RelyingParty, payee: Payee, *, amount_fen: int, answer: Answer) -> Granted:
    """Buy the same leave with the answer of a passkey to a challenge that was made for this payee and amount.

    :raises NotFound: what is paid for is nobody's, or another's; the subject says which.
    :raises PasskeyChallengeNotFound, PasskeyWrong: of the answer; the challenge is used up.
    :raises PasskeyWaits: the passkey came in by the phone alone, less than a day ago.
    """
    if read(payee.subject.is_own, payee.asked_by(actor)).first() is None:
        raise payee.subject.absent
    try:
        used = answer_own(actor, party, answer, to_pay(actor, subject_id=payee.subject_id, amount_fen=amount_fen))
    except PasskeyWrong:
        details = {"amount_fen": amount_fen, "factor": Factor.PASSKEY.value}
        with transaction() as tx:
            tx.leave_act(replace(_act(actor, payee), outcome=Outcome.REFUSED, details=details))
        raise
    wait_s = (used.pays_from - wall_now()).total_seconds()
    if wait_s > 0:
        raise PasskeyWaits(retry_after_s=int(wait_s) + 1)
    with transaction() as tx:
        if tx.execute(_STILL_THERE, {"passkey_id": used.passkey_id}).first() is None:
            raise PasskeyWrong
        return _grant(tx, actor, payee, amount_fen, Factor.PASSKEY)


def _act(actor: Actor, payee: Payee) -> Act:
    return Act(verb="step_up.grant", actor=actor, subject_kind=payee.subject.kind, subject_id=payee.subject_id)


def _grant(tx: Transaction, actor: Actor, payee: Payee, amount_fen: int, factor: Factor) -> Granted:
    grant_id = new_id()
    is_new_device: bool = tx.execute(
        _GRANT,
        {
            "grant_id": grant_id,
            "session_id": actor.session_id,
            "purpose": payee.subject.purpose.value,
            "subject_id": payee.subject_id,
            "amount_fen_max": amount_fen,
            "factor": factor.value,
            "lifetime": LIFETIME,
        },
    ).scalar_one()
    tx.leave_act(replace(_act(actor, payee), details={"amount_fen": amount_fen, "factor": factor.value}))
    return Granted(
        grant_id=grant_id,
        subject_id=payee.subject_id,
        amount_fen=amount_fen,
        factor=factor.value,
        is_new_device=is_new_device,
        expires_in_s=int(LIFETIME.total_seconds()),
    )
