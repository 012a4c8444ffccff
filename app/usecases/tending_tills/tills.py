"""A till is opened with a count that agrees with the books, and closed with one whose difference has an owner."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from app.core import ledger
from app.core.accounts.models import MemberRole
from app.core.communities.errors import StoreNotFound
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.tills.errors import NotInCharge, TillCountDiffers, TillNameTaken, TillNotFound, TillNotOpen, TillOpen
from app.core.tills.limits import day_of
from app.core.tills.states import TILL_TRANSITIONS, TillAction, TillActKind, TillState
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.transaction import Claim, closing, opening, transaction
from app.usecases.tending_tills.drawer import MEMBER, TILL, drawer_of, require_countable

_STORE = opening(
    f"""
    SELECT m.organization_id AS store_id,
        EXISTS (SELECT 1 FROM tills AS t WHERE t.store_id = m.organization_id AND t.name = :name) AS is_taken
    FROM memberships AS m WHERE {MEMBER} AND m.organization_id = :store_id FOR SHARE OF m
    """
)
_REGISTER = closing(
    """
    made AS (
        INSERT INTO tills (till_id, store_id, name, state, cash_fen, last_number, day_in_fen, day_out_fen, proven_seq,
            proven_fen)
        VALUES (:till_id, :store_id, :name, 'closed', 0, 0, 0, 0, 0, 0)
    )"""
)
_LOCK = opening(
    f"""
    SELECT {TILL}, m.role, business_now() AS now
    FROM tills AS t JOIN memberships AS m ON m.organization_id = t.store_id AND {MEMBER}
    WHERE t.till_id = :till_id FOR NO KEY UPDATE OF t
    """
)
_ACT = """
    noted AS (
        INSERT INTO till_acts (till_act_id, till_id, shift_id, number, kind, amount_fen, cash_after_fen, clerk_id,
            done_at)
        VALUES (:till_act_id, :till_id, :shift_id, :number, :kind, :change_fen, :cash_after_fen, :clerk_id,
            business_now())
    )"""
_OPEN = closing(
    f"""
    begun AS (
        INSERT INTO till_shifts (shift_id, till_id, clerk_id, business_on, opened_at, opening_fen)
        VALUES (:shift_id, :till_id, :clerk_id, :business_on, business_now(), :cash_after_fen)
    ),
    opened AS (
        UPDATE tills SET state = :state, shift_id = :shift_id, in_charge_id = :clerk_id, business_on = :business_on,
            cash_fen = :cash_after_fen, last_number = :number
        WHERE till_id = :till_id
    ),
    {_ACT}"""
)
_CLOSE = closing(
    f"""
    head AS (SELECT seq, posted_fen FROM ledger.head WHERE code = :code),
    ended AS (
        UPDATE till_shifts SET closed_at = business_now(), closed_by_id = :clerk_id, expected_fen = :expected_fen,
            counted_fen = :cash_after_fen
        WHERE shift_id = :shift_id
    ),
    closed AS (
        UPDATE tills SET state = :state, shift_id = NULL, in_charge_id = NULL, cash_fen = :cash_after_fen,
            last_number = :number, proven_seq = coalesce((SELECT seq FROM head), 0),
            proven_fen = coalesce((SELECT -posted_fen FROM head), 0)
        WHERE till_id = :till_id
    ),
    {_ACT}"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TillMade:
    """A till of a store; it holds nothing until cash is sent to it."""

    till_id: UUID
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TillOpened:
    """A till that serves from now on; whoever opened it answers for its cash."""

    till_id: UUID
    shift_id: UUID
    state: str
    cash_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TillClosed:
    """How a till closed: ``difference_fen`` is below zero where cash is missing; it is booked."""

    till_id: UUID
    shift_id: UUID
    state: str
    expected_fen: int
    counted_fen: int
    difference_fen: int


def register_till(actor: Actor, claim: Claim, *, store_id: UUID, name: str) -> TillMade:
    """Give a store a till.

    :raises StoreNotFound: it is none of the actor's. :raises TillNameTaken: it has one of this name.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_STORE, {**actor.as_member, "store_id": store_id, "name": name})
        if row is None:
            raise StoreNotFound
        if row.is_taken:
            raise TillNameTaken(pointer="/name")
        made = TillMade(till_id=new_id(), state=TillState.CLOSED.value)
        tx.keep(made)
        try:
            tx.close(_REGISTER, {"till_id": made.till_id, "store_id": store_id, "name": name})
        except IntegrityError:
            raise TillNameTaken(pointer="/name") from None
    return made


def open_till(
    actor: Actor, claim: Claim, *, till_id: UUID, counted_fen: int, is_difference_accepted: bool = False
) -> TillOpened:
    """Open a till with a count of its cash; the opener answers for it from now on.

    A count that differs is refused, and not told by how much. A manager may accept the difference, which then stands in
    suspense: between two shifts it is nobody's yet. At a shop's desk whoever opens may, and what is missing is theirs:
    the deposit answers for it.

    :raises TillNotFound: it is none of the actor's. :raises TillOpen: somebody was first.
    :raises TillCountDiffers: the count is not what the books hold. :raises TillFull: it is more than a till keeps.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK, {**actor.as_member, "till_id": till_id})
        if row is None or row.till_state == TillState.RETIRED:
            raise TillNotFound
        if row.till_state != TillState.CLOSED:
            raise TillOpen
        state = next_state(TILL_TRANSITIONS, TillState(row.till_state), TillAction.OPEN, actor.role)
        change_fen = counted_fen - row.cash_fen
        is_deposited = row.deposit_fen is not None
        if change_fen and not (is_difference_accepted and (is_deposited or row.role == MemberRole.MANAGER)):
            raise TillCountDiffers(pointer="/counted_fen")
        require_countable(counted_fen)
        opened = TillOpened(till_id=till_id, shift_id=new_id(), state=state.value, cash_fen=counted_fen)
        if change_fen:
            other = codes.cash_shortage(actor.account_id) if is_deposited and change_fen < 0 else codes.SUSPENSE
            legs = (Leg(codes.till_cash(till_id), -change_fen), Leg(other, change_fen))
            key = f"till_open:{opened.shift_id}"
            ledger.post(tx, Journal(key=key, kind=JournalKind.CASH_DIFFERENCE, legs=legs, ref=str(till_id)))
        tx.describe(details={"difference_fen": change_fen})
        tx.keep(opened)
        tx.close(
            _OPEN,
            {
                "till_id": till_id,
                "shift_id": opened.shift_id,
                "till_act_id": new_id(),
                "clerk_id": actor.account_id,
                "business_on": day_of(row.now),
                "state": state.value,
                "kind": TillActKind.OPENING.value,
                "change_fen": change_fen,
                "cash_after_fen": counted_fen,
                "number": row.last_number + 1,
            },
        )
    return opened


def close_till(actor: Actor, claim: Claim, *, till_id: UUID, counted_fen: int) -> TillClosed:
    """Close a till with a count of its cash; what is missing is owed by who was in charge, what is over is suspense's.

    :raises TillNotFound: it is none of the actor's. :raises TillNotOpen: it is closed.
    :raises NotInCharge: another opened it, the actor is no manager, and it is no shop's desk.
    :raises TillFull: no till holds so much.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK, {**actor.as_member, "till_id": till_id})
        if row is None:
            raise TillNotFound
        if row.till_state != TillState.OPEN:
            raise TillNotOpen
        state = next_state(TILL_TRANSITIONS, TillState(row.till_state), TillAction.CLOSE, actor.role)
        if actor.account_id != row.in_charge_id and row.role != MemberRole.MANAGER and row.deposit_fen is None:
            raise NotInCharge
        require_countable(counted_fen)
        drawer = drawer_of(row)
        change_fen = counted_fen - drawer.cash_fen
        code = codes.till_cash(till_id)
        if change_fen:
            other = codes.cash_shortage(row.in_charge_id) if change_fen < 0 else codes.SUSPENSE
            legs = (Leg(code, -change_fen), Leg(other, change_fen))
            key = f"till_close:{row.shift_id}"
            ledger.post(tx, Journal(key=key, kind=JournalKind.CASH_DIFFERENCE, legs=legs, ref=str(row.shift_id)))
        closed = TillClosed(
            till_id=till_id,
            shift_id=row.shift_id,
            state=state.value,
            expected_fen=drawer.cash_fen,
            counted_fen=counted_fen,
            difference_fen=change_fen,
        )
        tx.describe(whom_id=row.in_charge_id)
        tx.keep(closed)
        tx.close(
            _CLOSE,
            {
                "till_id": till_id,
                "code": code,
                "shift_id": row.shift_id,
                "till_act_id": new_id(),
                "clerk_id": actor.account_id,
                "state": state.value,
                "kind": TillActKind.CLOSING.value,
                "change_fen": change_fen,
                "expected_fen": drawer.cash_fen,
                "cash_after_fen": counted_fen,
                "number": row.last_number + 1,
            },
        )
    return closed
