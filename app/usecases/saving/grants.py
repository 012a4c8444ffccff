"""Step-up grants for wealth: the payment PIN buys leave to move money from the e-account into one product."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import TextClause, text

from app.core.stepup.errors import StepUpRefused, StepUpRequired
from app.core.stepup.models import Factor, GrantPurpose
from app.core.wealth.errors import FundNotFound, TermProductNotFound
from app.kernel.actor import Actor
from app.kernel.audit import Act
from app.kernel.errors import NotFound
from app.kernel.ids import new_id
from app.kernel.transaction import transaction
from app.usecases.stepping_up.grants import LIFETIME
from app.usecases.stepping_up.payment_pin import try_pin

JOIN_GRANT = """
    LEFT JOIN step_up_grants AS g ON g.grant_id = :grant_id AND g.session_id = :session_id
        AND g.purpose = 'buy_wealth' AND g.subject_id = :subject_id AND g.amount_fen_max >= :amount_fen
        AND g.used_at IS NULL AND g.expires_at > clock_timestamp()
"""
"""What an opening joins; it reads ``g.factor AS grant_factor``."""

_IS_FUND = text("SELECT 1 FROM funds WHERE fund_id = :subject_id")
_IS_TERM = text("SELECT 1 FROM term_products WHERE product_id = :subject_id")
_GRANT = text(
    """
    INSERT INTO step_up_grants (grant_id, session_id, purpose, subject_id, amount_fen_max, factor, expires_at)
    VALUES (:grant_id, :session_id, :purpose, :subject_id, :amount_fen_max, :factor,
        clock_timestamp() + CAST(:lifetime AS interval))
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WealthGranted:
    """A grant; it is named when buying."""

    grant_id: UUID
    subject_id: UUID
    amount_fen: int
    expires_in_s: int


def grant_for_fund(actor: Actor, *, fund_id: UUID, amount_fen: int, pin: str) -> WealthGranted:
    """Buy leave to put up to ``amount_fen`` into a fund, in the same session, once, for 5 minutes.

    :raises FundNotFound: there is none. :raises PinNotSet, PinWrong, PinLocked, PinBlocked: of the PIN.
    """
    return grant_for(actor, _IS_FUND, FundNotFound, subject_id=fund_id, amount_fen=amount_fen, pin=pin)


def grant_for_term(actor: Actor, *, product_id: UUID, amount_fen: int, pin: str) -> WealthGranted:
    """Buy leave to put up to ``amount_fen`` into a term product, as :func:`grant_for_fund`.

    :raises TermProductNotFound: there is none. :raises PinNotSet, PinWrong, PinLocked, PinBlocked: of the PIN.
    """
    return grant_for(actor, _IS_TERM, TermProductNotFound, subject_id=product_id, amount_fen=amount_fen, pin=pin)


def grant_for(
    actor: Actor, exists: TextClause, absent: type[NotFound], *, subject_id: UUID, amount_fen: int, pin: str
) -> WealthGranted:
    """Buy leave for what ``exists`` finds by ``:subject_id``; else it is ``absent``."""
    act = Act(verb="step_up.grant", actor=actor, subject_kind="product", subject_id=subject_id)
    with transaction() as tx:
        if tx.execute(exists, {"subject_id": subject_id}).first() is None:
            raise absent
        refusal = try_pin(tx, actor, pin, act)
        if refusal is None:
            grant_id = new_id()
            tx.execute(
                _GRANT,
                {
                    "grant_id": grant_id,
                    "session_id": actor.session_id,
                    "purpose": GrantPurpose.BUY_WEALTH.value,
                    "subject_id": subject_id,
                    "amount_fen_max": amount_fen,
                    "factor": Factor.PIN.value,
                    "lifetime": LIFETIME,
                },
            )
            tx.leave_act(
                Act(
                    verb="step_up.grant",
                    actor=actor,
                    subject_kind="product",
                    subject_id=subject_id,
                    details={"amount_fen": amount_fen, "factor": Factor.PIN.value},
                )
            )
            return WealthGranted(
                grant_id=grant_id,
                subject_id=subject_id,
                amount_fen=amount_fen,
                expires_in_s=int(LIFETIME.total_seconds()),
            )
    raise refusal


def require_grant(step_up_grant: UUID | None, factor: str | None, amount_fen: int) -> None:
    """Refuse without a grant that the opening found to be good.

    :raises StepUpRequired: none was named. :raises StepUpRefused: it is not good for this.
    """
    if step_up_grant is None:
        factors = [one.value for one in Factor]
        raise StepUpRequired(pointer="/step_up_grant", factors=factors, amount_fen=amount_fen)
    if factor is None:
        raise StepUpRefused(pointer="/step_up_grant")
