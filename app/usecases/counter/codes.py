"""Codes at a counter: the one that a resident shows for a minute, and the one that hangs in the shop.

The text that a resident shows is the id of its row and digits derived from that id by a key that only the application
has: whoever reads the database cannot show one, and nobody guesses one.
"""

import hmac
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from app.core.accounts.errors import SessionEnded
from app.core.counter.rules import CODE_LIFETIME, COUNTER_FEN_MAX, SHOP_CODE, SMALL_FEN
from app.core.stepup.errors import StepUpRefused, StepUpRequired
from app.core.stepup.models import Factor
from app.core.verification.levels import Level, require_level
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.sealing import derived_code
from app.kernel.transaction import transaction

_DIGITS = 12
_PURPOSE = "pay code"
_ID_LENGTH = 32

_OWN = text(
    """
    SELECT a.verification_level, coalesce(e.cooling_until > clock_timestamp(), false) AS is_new_device
    FROM sessions AS e JOIN accounts AS a ON a.account_id = e.account_id
    WHERE e.session_id = :session_id AND e.account_id = :account_id AND e.ended_at IS NULL AND a.state = 'active'
    """
)
_USE_GRANT = text(
    """
    UPDATE step_up_grants SET used_at = clock_timestamp()
    WHERE grant_id = :grant_id AND session_id = :session_id AND purpose = 'pay_counter' AND subject_id = :account_id
        AND used_at IS NULL AND expires_at > clock_timestamp()
    RETURNING factor, amount_fen_max, is_new_device
    """
)
_SHOW = text(
    """
    WITH ended AS (
        UPDATE pay_codes SET expires_at = clock_timestamp()
        WHERE session_id = :session_id AND used_at IS NULL AND expires_at > clock_timestamp()
    )
    INSERT INTO pay_codes (pay_code_id, account_id, session_id, amount_fen_max, factor, is_new_device, expires_at)
    VALUES (:pay_code_id, :account_id, :session_id, :amount_fen_max, :factor, :is_new_device,
        clock_timestamp() + CAST(:lifetime AS interval))
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PayCode:
    """What the resident shows; once, for a minute, up to an amount."""

    code: str
    amount_fen_max: int
    expires_in_s: int


def show_pay_code(actor: Actor, *, step_up_grant: UUID | None) -> PayCode:
    """Make a code for a counter; one that the same session showed before is good no more.

    :param step_up_grant: what a payment PIN or a passkey bought for one's own code; without one it is good for a small
        amount, on a device that is not new.
    :raises StepUpRequired: the device is new. :raises StepUpRefused: the grant is not good for this.
    :raises VerificationNeeded: at level 0 nothing is paid.
    """
    with transaction() as tx:
        own = {"account_id": actor.account_id, "session_id": actor.session_id}
        row = tx.execute(_OWN, own).one_or_none()
        if row is None:
            raise SessionEnded
        require_level(row.verification_level, Level.ONE)
        most_fen, factor, is_new_device = SMALL_FEN, None, row.is_new_device
        if step_up_grant is not None:
            grant = tx.execute(_USE_GRANT, {**own, "grant_id": step_up_grant}).one_or_none()
            if grant is None:
                raise StepUpRefused(pointer="/step_up_grant")
            most_fen, factor = min(grant.amount_fen_max, COUNTER_FEN_MAX), grant.factor
            is_new_device = grant.is_new_device
        elif is_new_device:
            factors = [one.value for one in Factor]
            raise StepUpRequired(pointer="/step_up_grant", factors=factors, amount_fen=SMALL_FEN)
        pay_code_id = new_id()
        shown = {"pay_code_id": pay_code_id, "amount_fen_max": most_fen, "factor": factor}
        tx.execute(_SHOW, {**own, **shown, "is_new_device": is_new_device, "lifetime": CODE_LIFETIME})
    return PayCode(code=_text_of(pay_code_id), amount_fen_max=most_fen, expires_in_s=int(CODE_LIFETIME.total_seconds()))


def pay_code_in(code: str) -> UUID | None:
    """Return the row that a code names, if the code is one of ours; whether it is still good, the row tells."""
    try:
        pay_code_id = UUID(hex=code[:_ID_LENGTH])
    except ValueError:
        return None
    is_ours = hmac.compare_digest(_text_of(pay_code_id).encode(), code.encode())
    return pay_code_id if is_ours else None


def shop_code(shop_id: UUID) -> str:
    """Return the text of a shop's own code."""
    return f"{SHOP_CODE}{shop_id}"


def _text_of(pay_code_id: UUID) -> str:
    return pay_code_id.hex + derived_code(str(pay_code_id), purpose=_PURPOSE, digits=_DIGITS)
