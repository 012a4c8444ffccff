"""Cash in and cash out at a desk: one journal each, between the till and the e-account of who stands there."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from app.core import ledger
from app.core.accounts.errors import AccountSuspended
from app.core.accounts.models import AccountState
from app.core.events import CashServed
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.operating.errors import FeatureOff
from app.core.operating.switches import Feature, is_on
from app.core.tills.errors import DeskConfirmationNeeded, DeskVisitNotFound, TillNotFound
from app.core.tills.limits import counting_cash, till_total_fen
from app.core.tills.states import TILL_TRANSITIONS, TillAction, TillActKind, TillState
from app.core.verification.levels import Level, require_level
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.transaction import Claim, closing, opening, transaction
from app.usecases.tending_tills.drawer import MEMBER, MOVE_CASH, TILL, serving

_LOCK = opening(
    f"""
    SELECT {TILL}, business_now() AS now, v.account_id, v.confirmed_fen_max, a.state AS account_state,
        a.verification_level, {is_on(Feature.DESK_CASH_IN)} AS is_in_on, {is_on(Feature.DESK_CASH_OUT)} AS is_out_on
    FROM tills AS t JOIN memberships AS m ON m.organization_id = t.store_id AND {MEMBER}
    LEFT JOIN desk_visits AS v ON v.visit_id = :visit_id AND v.clerk_id = :account_id AND v.store_id = t.store_id
        AND v.expires_at > clock_timestamp()
    LEFT JOIN accounts AS a ON a.account_id = v.account_id
    WHERE t.till_id = :till_id FOR NO KEY UPDATE OF t
    """
)
_HAS_VISIT = text(
    f"""
    SELECT 1 FROM desk_visits AS v JOIN memberships AS m ON m.organization_id = v.store_id AND {MEMBER}
    WHERE v.visit_id = :visit_id AND v.clerk_id = :account_id AND v.expires_at > clock_timestamp()
    """
)
_IN = closing(MOVE_CASH)
_OUT = closing(
    f"""
    used AS (
        UPDATE desk_visits SET confirmed_fen_max = NULL
        WHERE visit_id = :visit_id AND confirmed_fen_max >= :amount_fen AND expires_at > clock_timestamp()
        RETURNING visit_id
    ),
    {MOVE_CASH}""",
    answer="SELECT count(*) AS confirmations FROM used",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CashMoved:
    """An act at a desk, with the number of its receipt."""

    till_act_id: UUID
    till_id: UUID
    number: int
    kind: str
    amount_fen: int
    till_cash_fen: int


def cash_in(actor: Actor, claim: Claim, *, till_id: UUID, visit_id: UUID, amount_fen: int) -> CashMoved:
    """Take cash from a person and put it on their e-account (存入).

    :raises TillNotFound, DeskVisitNotFound: none of the clerk's. :raises TillNotOpen, TillOfAnotherDay: of the till.
    :raises CashLimitExceeded: of the act, the person's day or the till's day. :raises TillFull: of its cover.
    :raises AccountSuspended, VerificationNeeded: of the person's account. :raises FeatureOff: it is switched off.
    """
    return _serve(actor, claim, TillActKind.CASH_IN, till_id=till_id, visit_id=visit_id, amount_fen=amount_fen)


def cash_out(actor: Actor, claim: Claim, *, till_id: UUID, visit_id: UUID, amount_fen: int) -> CashMoved:
    """Give a person cash from their e-account (支取), which they confirmed with their payment PIN.

    :raises DeskConfirmationNeeded: they did not, or less. :raises TillShort: there is less in the till.
    :raises app.core.ledger.InsufficientFunds: the e-account holds less. Further errors as :func:`cash_in`.
    """
    return _serve(actor, claim, TillActKind.CASH_OUT, till_id=till_id, visit_id=visit_id, amount_fen=amount_fen)


def _serve(
    actor: Actor, claim: Claim, kind: TillActKind, *, till_id: UUID, visit_id: UUID, amount_fen: int
) -> CashMoved:
    is_in = kind is TillActKind.CASH_IN
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK, {**actor.as_member, "till_id": till_id, "visit_id": visit_id})
        if row is None:
            if tx.execute(_HAS_VISIT, {**actor.as_member, "visit_id": visit_id}).first() is None:
                raise DeskVisitNotFound
            raise TillNotFound
        if row.account_id is None:
            raise DeskVisitNotFound
        drawer = serving(row)
        if not (row.is_in_on if is_in else row.is_out_on):
            raise FeatureOff(feature=(Feature.DESK_CASH_IN if is_in else Feature.DESK_CASH_OUT).value)
        next_state(TILL_TRANSITIONS, TillState(row.till_state), TillAction.SERVE, actor.role)
        if row.account_state != AccountState.ACTIVE:
            raise AccountSuspended
        require_level(row.verification_level, Level.ONE)
        if not is_in and (row.confirmed_fen_max or 0) < amount_fen:
            raise DeskConfirmationNeeded(pointer="/amount_fen")
        till_total_fen(kind, counted_fen=drawer.in_fen if is_in else drawer.out_fen, amount_fen=amount_fen)
        till_act_id, change_fen = new_id(), amount_fen if is_in else -amount_fen
        moving = drawer.moving(
            kind, change_fen, till_act_id=till_act_id, clerk_id=actor.account_id, whom_id=row.account_id
        )
        journal = Journal(
            key=f"{kind.value}:{till_act_id}",
            kind=JournalKind.CASH_IN if is_in else JournalKind.CASH_OUT,
            legs=(Leg(codes.till_cash(till_id), -change_fen), Leg(codes.e_account(row.account_id), change_fen)),
            ref=str(till_act_id),
        )
        ledger.post(tx, journal, ahead=counting_cash(row.account_id, kind, amount_fen=amount_fen, now=row.now))
        moved = CashMoved(
            till_act_id=till_act_id,
            till_id=till_id,
            number=row.last_number + 1,
            kind=kind.value,
            amount_fen=amount_fen,
            till_cash_fen=drawer.after(change_fen),
        )
        tx.record(CashServed(account_id=row.account_id, till_act_id=till_act_id, state=kind.value,
                             amount_fen=amount_fen))  # fmt: skip
        tx.describe(whom_id=row.account_id)
        tx.keep(moved)
        if is_in:
            tx.close(_IN, moving)
        elif tx.close(_OUT, {**moving, "visit_id": visit_id, "amount_fen": amount_fen}).one().confirmations != 1:
            raise DeskConfirmationNeeded(pointer="/amount_fen")
    return moved
