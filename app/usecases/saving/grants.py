"""What the step-up grant of a purchase is looked up by: the fund or term product, the session, the amount."""

from uuid import UUID

from app.kernel.actor import Actor

JOIN_GRANT = """
    LEFT JOIN step_up_grants AS g ON g.grant_id = :grant_id AND g.session_id = :session_id
        AND g.purpose = 'buy_wealth' AND g.subject_id = :subject_id AND g.amount_fen_max >= :amount_fen
        AND g.used_at IS NULL AND g.expires_at > clock_timestamp()
"""
"""What an opening joins; it reads ``g.factor AS grant_factor``."""


def asked_with(actor: Actor, step_up_grant: UUID | None, *, subject_id: UUID, amount_fen: int) -> dict[str, object]:
    """Return what an opening with :data:`JOIN_GRANT` takes."""
    return {
        "account_id": actor.account_id,
        "session_id": actor.session_id,
        "grant_id": step_up_grant,
        "subject_id": subject_id,
        "amount_fen": amount_fen,
    }
