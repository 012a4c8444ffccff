"""What confirms a payment from the e-account, and how strongly: for every use case that takes a step-up grant."""

from uuid import UUID

from app.core import ledger
from app.core.stepup.errors import StepUpRefused, StepUpRequired
from app.core.stepup.models import Factor
from app.core.verification.limits import Strength, counting
from app.kernel.actor import Actor
from app.kernel.wire import Row

STRENGTH_OF = {Factor.PIN: Strength.TWO_FACTORS, Factor.PASSKEY: Strength.TWO_FACTORS}
"""How strong a payment is that a grant confirms: a PIN is known, the device that the session lives on is had.

A passkey is had, and verifies by what is known or by a body whose it is. Its signature may be more than that before the
law; we do not claim it.
"""

USE_GRANT = """
used AS (
    UPDATE step_up_grants SET used_at = clock_timestamp()
    WHERE grant_id = :grant_id AND used_at IS NULL AND expires_at > clock_timestamp()
    RETURNING grant_id
)"""
"""What uses the grant up, in a closing that expects it."""
EXPECT_GRANT_USED = {"grant_used": "(SELECT count(*) FROM used) = 1"}
GRANT_REFUSED = {"grant_used": lambda _: StepUpRefused(pointer="/step_up_grant")}
"""What is said when the grant was used, or ran out, between the opening and the closing."""


def confirmed_by(factor: str | None, step_up_grant: UUID | None, *, amount_fen: int) -> Factor:
    """Return by what a payment is confirmed.

    :param factor: of the grant that the opening found, None where it is not good for this.
    :raises StepUpRequired: no grant was named. :raises StepUpRefused: one that is not good for this.
    """
    if step_up_grant is None:
        factors = [one.value for one in Factor]
        raise StepUpRequired(pointer="/step_up_grant", factors=factors, amount_fen=amount_fen)
    if factor is None:
        raise StepUpRefused(pointer="/step_up_grant")
    return Factor(factor)


def room_of(actor: Actor, row: Row, factor: Factor, *, amount_fen: int) -> ledger.Ahead:
    """Return what counts a payment from the actor's e-account against its limits, ahead of the posting.

    :param row: of the opening: ``verification_level``, ``is_new_device`` and ``now``.
    :raises VerificationNeeded: at level 0 nothing is paid.
    """
    return counting(
        actor.account_id,
        level=row.verification_level,
        strength=STRENGTH_OF[factor],
        is_new_device=row.is_new_device,
        amount_fen=amount_fen,
        now=row.now,
    )
