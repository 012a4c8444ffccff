"""What every act for a person at the desk shares: who stands there, what they confirmed, what the act answers."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from app.core.accounts.errors import AccountSuspended
from app.core.accounts.models import AccountState
from app.core.ledger import Ahead, codes
from app.core.operating.errors import FeatureOff
from app.core.operating.switches import Feature
from app.core.tills.errors import DeskConfirmationNeeded, DeskVisitNotFound, TillNotFound
from app.core.tills.limits import counting_cash, till_total_fen
from app.core.tills.states import CASH_FROM_PEOPLE, TILL_TRANSITIONS, TillAction, TillActKind, TillState
from app.core.verification.levels import Level, require_level
from app.core.verification.limits import Strength, counting
from app.kernel.actor import Actor
from app.kernel.machines import next_state
from app.kernel.transaction import Transaction
from app.kernel.wire import Row
from app.usecases.tending_tills.drawer import MEMBER, Drawer, serving

VISITOR = """v.account_id, v.means, v.confirmed_fen_max, v.confirmed_subject_id, a.state AS account_state,
    a.verification_level"""
AT_DESK = f"""
    JOIN memberships AS m ON m.organization_id = t.store_id AND {MEMBER}
    LEFT JOIN desk_visits AS v ON v.visit_id = :visit_id AND v.clerk_id = :account_id AND v.store_id = t.store_id
        AND v.expires_at > clock_timestamp()
    LEFT JOIN accounts AS a ON a.account_id = v.account_id
"""
"""Joins a till ``t`` with the clerk's membership ``m``, the visit ``v`` and the account ``a`` of who is served."""
USE_CONFIRMATION = """
    used AS (
        UPDATE desk_visits SET confirmed_fen_max = NULL, confirmed_subject_id = NULL
        WHERE visit_id = :visit_id AND confirmed_fen_max >= :amount_fen AND expires_at > clock_timestamp()
            AND confirmed_subject_id IS NOT DISTINCT FROM CAST(:subject_id AS uuid)
        RETURNING visit_id
    )"""
"""Uses a confirmation up, in a closing whose answer counts ``used``."""
_HAS_VISIT = text(
    f"""
    SELECT 1 FROM desk_visits AS v JOIN memberships AS m ON m.organization_id = v.store_id AND {MEMBER}
    WHERE v.visit_id = :visit_id AND v.clerk_id = :account_id AND v.expires_at > clock_timestamp()
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """An act at a desk, with the number of its receipt."""

    till_act_id: UUID
    till_id: UUID
    number: int
    kind: str
    amount_fen: int
    till_cash_fen: int


def serve(tx: Transaction, actor: Actor, row: Row | None, *, visit_id: UUID, feature: Feature) -> tuple[Row, Drawer]:
    """Return what an opening found, and its till, which serves the person of a visit now.

    :param row: the till, :data:`VISITOR`, ``now`` and whether the feature ``is_on``, by :data:`AT_DESK`.
    :raises TillNotFound, DeskVisitNotFound: none of the clerk's. :raises TillNotOpen, TillOfAnotherDay: of the till.
    :raises AccountSuspended, VerificationNeeded: of the person's account. :raises FeatureOff: it is switched off.
    """
    if row is None:
        if tx.execute(_HAS_VISIT, {**actor.as_member, "visit_id": visit_id}).first() is None:
            raise DeskVisitNotFound
        raise TillNotFound
    if row.account_id is None:
        raise DeskVisitNotFound
    drawer = serving(row)
    if not row.is_on:
        raise FeatureOff(feature=feature.value)
    next_state(TILL_TRANSITIONS, TillState(row.till_state), TillAction.SERVE, actor.role)
    if row.account_state != AccountState.ACTIVE:
        raise AccountSuspended
    require_level(row.verification_level, Level.ONE)
    return row, drawer


def require_confirmed(row: Row, *, amount_fen: int, subject_id: UUID | None) -> None:
    """Refuse what the person has not confirmed with their PIN.

    :param subject_id: the quote or payee that it is for; None to take out.
    :raises DeskConfirmationNeeded: it was for something else, or for less.
    """
    if (row.confirmed_fen_max or 0) < amount_fen or row.confirmed_subject_id != subject_id:
        raise DeskConfirmationNeeded(pointer="/amount_fen")


def paying(row: Row, drawer: Drawer, kind: TillActKind, *, subject_id: UUID, amount_fen: int) -> Ahead:
    """Return what counts a payment ahead of its posting: cash as cash that comes in, else as any from the e-account.

    :raises CashLimitExceeded, DeskConfirmationNeeded: in cash, and from the e-account.
    """
    if kind in CASH_FROM_PEOPLE:
        till_total_fen(kind, counted_fen=drawer.in_fen, amount_fen=amount_fen)
        return counting_cash(row.account_id, kind, amount_fen=amount_fen, now=row.now)
    require_confirmed(row, amount_fen=amount_fen, subject_id=subject_id)
    return counting(
        row.account_id,
        level=row.verification_level,
        strength=Strength.TWO_FACTORS,  # the card or the session is had, the PIN is known
        amount_fen=amount_fen,
        now=row.now,
    )


def payer(row: Row, kind: TillActKind) -> str:
    """Return the account that an act's money comes from: the till, whose cash rises, or the e-account."""
    return codes.till_cash(row.till_id) if kind in CASH_FROM_PEOPLE else codes.e_account(row.account_id)
