"""Cash in and cash out at a desk: one journal each, between the till and the e-account of who stands there."""

from uuid import UUID

from app.core import ledger
from app.core.events import CashServed
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.operating.switches import Feature, is_on
from app.core.tills.errors import DeskConfirmationNeeded
from app.core.tills.limits import counting_cash, till_total_fen
from app.core.tills.states import TillActKind
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.transaction import Claim, closing, opening, transaction
from app.usecases.tending_tills.drawer import MOVE_CASH, TILL
from app.usecases.tending_tills.served import AT_DESK, USE_CONFIRMATION, VISITOR, Served, require_confirmed, serve

_FEATURES = {TillActKind.CASH_IN: Feature.DESK_CASH_IN, TillActKind.CASH_OUT: Feature.DESK_CASH_OUT}
_LOCK = {
    kind: opening(
        f"""
        SELECT {TILL}, business_now() AS now, {VISITOR}, {is_on(feature)} AS is_on FROM tills AS t {AT_DESK}
        WHERE t.till_id = :till_id FOR NO KEY UPDATE OF t
        """
    )
    for kind, feature in _FEATURES.items()
}
_IN = closing(MOVE_CASH)
_OUT = closing(f"{USE_CONFIRMATION}, {MOVE_CASH}", answer="SELECT count(*) AS confirmations FROM used")


def cash_in(actor: Actor, claim: Claim, *, till_id: UUID, visit_id: UUID, amount_fen: int) -> Served:
    """Take cash from a person and put it on their e-account (存入).

    :raises TillNotFound, DeskVisitNotFound: none of the clerk's. :raises TillNotOpen, TillOfAnotherDay: of the till.
    :raises CashLimitExceeded: of the act, the person's day or the till's day. :raises TillFull: of its cover.
    :raises AccountSuspended, VerificationNeeded: of the person's account. :raises FeatureOff: it is switched off.
    """
    return _serve(actor, claim, TillActKind.CASH_IN, till_id=till_id, visit_id=visit_id, amount_fen=amount_fen)


def cash_out(actor: Actor, claim: Claim, *, till_id: UUID, visit_id: UUID, amount_fen: int) -> Served:
    """Give a person cash from their e-account (支取), which they confirmed with their payment PIN.

    :raises DeskConfirmationNeeded: they did not, or less. :raises TillShort: there is less in the till.
    :raises app.core.ledger.InsufficientFunds: the e-account holds less. Further errors as :func:`cash_in`.
    """
    return _serve(actor, claim, TillActKind.CASH_OUT, till_id=till_id, visit_id=visit_id, amount_fen=amount_fen)


def _serve(actor: Actor, claim: Claim, kind: TillActKind, *, till_id: UUID, visit_id: UUID, amount_fen: int) -> Served:
    is_in = kind is TillActKind.CASH_IN
    with transaction(claim) as tx:
        found = tx.open_one(_LOCK[kind], {**actor.as_member, "till_id": till_id, "visit_id": visit_id})
        row, drawer = serve(tx, actor, found, visit_id=visit_id, feature=_FEATURES[kind])
        if not is_in:
            require_confirmed(row, amount_fen=amount_fen, subject_id=None)
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
        moved = Served(
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
            return moved
        used = {"visit_id": visit_id, "amount_fen": amount_fen, "subject_id": None}
        if tx.close(_OUT, {**moving, **used}).one().confirmations != 1:
            raise DeskConfirmationNeeded(pointer="/amount_fen")
    return moved
