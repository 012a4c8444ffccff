"""Cash on its way (调款): one person sends it from a till or the bank, another counts and receives it at the other end.

Two signatures: who sends cannot receive. What is on its way stands on an account of its own in the books; a difference
stays there, open, until two people of the platform correct it.
"""

from dataclasses import dataclass
from uuid import UUID

from app.core import ledger
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.tills.errors import CashTransferNotFound, SameTill, SecondSignatureNeeded, TillNotFound
from app.core.tills.states import CASH_TRANSFER_TRANSITIONS, TillActKind, TransferAction, TransferState
from app.kernel.actor import Actor, Side
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.transaction import Claim, closing, opening, transaction
from app.kernel.wire import Row
from app.usecases.tending_tills.drawer import MEMBER, MOVE_CASH, TILL, serving

_FROM_TILL = opening(
    f"""
    SELECT {TILL}, business_now() AS now, CAST(:to_till_id AS uuid) IS NULL
        OR EXISTS (SELECT 1 FROM tills AS o WHERE o.till_id = CAST(:to_till_id AS uuid)
            AND o.state <> 'retired') AS is_reachable
    FROM tills AS t JOIN memberships AS m ON m.organization_id = t.store_id AND {MEMBER}
    WHERE t.till_id = :till_id FOR NO KEY UPDATE OF t
    """
)
_FROM_BANK = opening(
    "SELECT t.till_id FROM tills AS t WHERE t.till_id = :to_till_id AND t.state <> 'retired' FOR KEY SHARE OF t"
)
_SENT = """
    sent AS (
        INSERT INTO cash_transfers (transfer_id, from_till_id, to_till_id, amount_fen, state, sent_by_id, sent_at)
        VALUES (:transfer_id, CAST(:from_till_id AS uuid), CAST(:to_till_id AS uuid), :amount_fen, 'sent', :sent_by_id,
            business_now())
    )"""
_SEND_FROM_TILL, _SEND_FROM_BANK = closing(f"{_SENT}, {MOVE_CASH}"), closing(_SENT)
_OF = "x.transfer_id, x.from_till_id, x.to_till_id, x.amount_fen, x.state, x.sent_by_id, business_now() AS now"
_AT_TILL = {
    end: opening(
        f"""
        SELECT {_OF}, {TILL} FROM cash_transfers AS x JOIN tills AS t ON t.till_id = x.{end}
        JOIN memberships AS m ON m.organization_id = t.store_id AND {MEMBER}
        WHERE x.transfer_id = :transfer_id FOR NO KEY UPDATE OF x, t
        """
    )
    for end in ("from_till_id", "to_till_id")
}
_AT_BANK = {
    end: opening(
        f"""
        SELECT {_OF} FROM cash_transfers AS x WHERE x.transfer_id = :transfer_id AND x.{end} IS NULL
        FOR NO KEY UPDATE OF x
        """
    )
    for end in ("from_till_id", "to_till_id")
}
_ENDED = """
    ended AS (
        UPDATE cash_transfers SET state = :state, received_by_id = CAST(:received_by_id AS uuid),
            received_fen = CAST(:received_fen AS bigint), ended_at = business_now()
        WHERE transfer_id = :transfer_id
    )"""
_END_AT_TILL, _END_AT_BANK = closing(f"{_ENDED}, {MOVE_CASH}"), closing(_ENDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferMoved:
    """Where cash on its way is."""

    transfer_id: UUID
    state: str
    amount_fen: int


def send_cash(
    actor: Actor, claim: Claim, *, till_id: UUID, amount_fen: int, to_till_id: UUID | None = None
) -> TransferMoved:
    """Take cash out of a till for another one, or for the bank.

    :raises TillNotFound: the till is none of the actor's, or there is no such other. :raises SameTill: they are one.
    :raises TillNotOpen, TillOfAnotherDay, TillShort: of the till.
    """
    with transaction(claim) as tx:
        params = {**actor.as_member, "till_id": till_id, "to_till_id": to_till_id}
        row = tx.open_one(_FROM_TILL, params)
        if row is None:
            raise TillNotFound
        if to_till_id == till_id:
            raise SameTill(pointer="/to_till_id")
        if not row.is_reachable:
            raise TillNotFound(pointer="/to_till_id")
        drawer, moved = serving(row), _sent(amount_fen)
        moving = drawer.moving(
            TillActKind.SENT,
            -amount_fen,
            till_act_id=new_id(),
            clerk_id=actor.account_id,
            transfer_id=moved.transfer_id,
        )
        ledger.post(tx, _out(moved, codes.till_cash(till_id)))
        tx.keep(moved)
        sent = {"from_till_id": till_id, "to_till_id": to_till_id, "sent_by_id": actor.account_id}
        tx.close(_SEND_FROM_TILL, {**moving, **sent, "amount_fen": amount_fen, "transfer_id": moved.transfer_id})
    return moved


def supply_till(actor: Actor, claim: Claim, *, to_till_id: UUID, amount_fen: int) -> TransferMoved:
    """Send cash from the bank to a till, as the platform.

    :raises TillNotFound: there is no such till.
    """
    with transaction(claim) as tx:
        if tx.open_one(_FROM_BANK, {"to_till_id": to_till_id}) is None:
            raise TillNotFound
        moved = _sent(amount_fen)
        ledger.post(tx, _out(moved, codes.BANK_SETTLEMENT))
        tx.keep(moved)
        sent = {"from_till_id": None, "to_till_id": to_till_id, "sent_by_id": actor.account_id}
        tx.close(_SEND_FROM_BANK, {**sent, "amount_fen": amount_fen, "transfer_id": moved.transfer_id})
    return moved


def receive_cash(actor: Actor, claim: Claim, *, transfer_id: UUID, counted_fen: int) -> TransferMoved:
    """Count cash that arrived, at a till of one's store or, as the platform, at the bank.

    :raises CashTransferNotFound: none that comes here. :raises SecondSignatureNeeded: the actor sent it.
    :raises IllegalTransition: it arrived or was taken back. :raises TillNotOpen, TillOfAnotherDay: of the till.
    """
    with transaction(claim) as tx:
        is_bank = actor.side is Side.PLATFORM
        params = {**actor.as_member, "transfer_id": transfer_id}
        row = tx.open_one((_AT_BANK if is_bank else _AT_TILL)["to_till_id"], params)
        if row is None:
            raise CashTransferNotFound
        if row.sent_by_id == actor.account_id:
            raise SecondSignatureNeeded
        is_whole = counted_fen == row.amount_fen
        action = TransferAction.RECEIVE if is_whole else TransferAction.RECEIVE_DIFFERING
        state = next_state(CASH_TRANSFER_TRANSITIONS, TransferState(row.state), action, actor.role)
        moved = TransferMoved(transfer_id=transfer_id, state=state.value, amount_fen=counted_fen)
        ended = {
            "transfer_id": transfer_id,
            "state": state.value,
            "received_by_id": actor.account_id,
            "received_fen": counted_fen,
        }
        at = codes.BANK_SETTLEMENT if is_bank else codes.till_cash(row.till_id)
        moving = None if is_bank else _moving(actor, row, TillActKind.RECEIVED, counted_fen)
        if counted_fen:
            ledger.post(tx, _in("receive", transfer_id, at, counted_fen))
        tx.describe(details={"sent_fen": row.amount_fen})
        tx.keep(moved)
        if moving is None:
            tx.close(_END_AT_BANK, ended)
        else:
            tx.close(_END_AT_TILL, {**moving, **ended})
    return moved


def cancel_cash(actor: Actor, claim: Claim, *, transfer_id: UUID) -> TransferMoved:
    """Take back cash that did not leave, at the till or, as the platform, at the bank that it was sent from.

    :raises CashTransferNotFound: none that was sent from here. :raises IllegalTransition: it arrived, or came back.
    """
    with transaction(claim) as tx:
        is_bank = actor.side is Side.PLATFORM
        params = {**actor.as_member, "transfer_id": transfer_id}
        row = tx.open_one((_AT_BANK if is_bank else _AT_TILL)["from_till_id"], params)
        if row is None:
            raise CashTransferNotFound
        state = next_state(CASH_TRANSFER_TRANSITIONS, TransferState(row.state), TransferAction.CANCEL, actor.role)
        moved = TransferMoved(transfer_id=transfer_id, state=state.value, amount_fen=row.amount_fen)
        ended = {"transfer_id": transfer_id, "state": state.value, "received_by_id": None, "received_fen": None}
        at = codes.BANK_SETTLEMENT if is_bank else codes.till_cash(row.till_id)
        moving = None if is_bank else _moving(actor, row, TillActKind.TAKEN_BACK, row.amount_fen)
        ledger.post(tx, _in("cancel", transfer_id, at, row.amount_fen))
        tx.keep(moved)
        if moving is None:
            tx.close(_END_AT_BANK, ended)
        else:
            tx.close(_END_AT_TILL, {**moving, **ended})
    return moved


def _moving(actor: Actor, row: Row, kind: TillActKind, change_fen: int) -> dict[str, object]:
    return serving(row).moving(
        kind, change_fen, till_act_id=new_id(), clerk_id=actor.account_id, transfer_id=row.transfer_id
    )


def _sent(amount_fen: int) -> TransferMoved:
    return TransferMoved(transfer_id=new_id(), state=TransferState.SENT.value, amount_fen=amount_fen)


def _out(moved: TransferMoved, source: str) -> Journal:
    legs = (Leg(source, moved.amount_fen), Leg(codes.cash_in_transit(moved.transfer_id), -moved.amount_fen))
    return _journal("send", moved.transfer_id, legs)


def _in(act: str, transfer_id: UUID, at: str, amount_fen: int) -> Journal:
    return _journal(act, transfer_id, (Leg(codes.cash_in_transit(transfer_id), amount_fen), Leg(at, -amount_fen)))


def _journal(act: str, transfer_id: UUID, legs: tuple[Leg, Leg]) -> Journal:
    return Journal(key=f"cash_{act}:{transfer_id}", kind=JournalKind.CASH_TRANSFER, legs=legs, ref=str(transfer_id))
