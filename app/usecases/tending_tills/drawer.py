"""What every act at a till shares: the till found through the clerk and locked, and the act written behind it.

Locks: cash on its way, then the till's row, then a person's day of cash, then the ledger's accounts. All that is
decided about cash is decided under the till's row, which holds its float, its day and who answers for it. The
lock leaves the row's key free: cash that is sent to a till names it, and waits for nobody.
"""

from dataclasses import dataclass
from uuid import UUID

from app.core.tills.errors import TillFull, TillNotOpen, TillOfAnotherDay, TillShort
from app.core.tills.limits import CASH_FEN_MAX, day_of
from app.core.tills.states import CASH_FROM_PEOPLE, TillActKind, TillState
from app.kernel.wire import Row

MEMBER = "m.organization_kind = 'store' AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))"
TILL = """t.till_id, t.store_id, t.state AS till_state, t.cash_fen, t.shift_id, t.in_charge_id, t.business_on,
    t.last_number, t.counted_on, t.day_in_fen, t.day_out_fen,
    (SELECT k.deposit_fen FROM shop_desks AS k WHERE k.store_id = t.store_id AND k.state = 'active') AS deposit_fen"""

MOVE_CASH = """
    moved AS (
        UPDATE tills SET cash_fen = :cash_after_fen, last_number = :number, counted_on = :counted_on,
            day_in_fen = :day_in_fen, day_out_fen = :day_out_fen
        WHERE till_id = :till_id
    ),
    noted AS (
        INSERT INTO till_acts (till_act_id, till_id, shift_id, number, kind, amount_fen, cash_after_fen, clerk_id,
            account_id, transfer_id, account_fen, bill_payment_id, sent_transfer_id, done_at)
        VALUES (:till_act_id, :till_id, :shift_id, :number, :kind, :change_fen, :cash_after_fen, :clerk_id,
            :whom_id, :transfer_id, :account_fen, :bill_payment_id, :sent_transfer_id, business_now())
    )"""
"""Moves the float and leaves the act, in a closing; its parameters are :meth:`Drawer.moving`."""


@dataclass(frozen=True, slots=True)
class Drawer:
    """A till as it stands under its lock.

    :ivar in_fen: of customers today. :ivar out_fen: to customers today.
    """

    row: Row
    in_fen: int
    out_fen: int

    @property
    def cash_fen(self) -> int:
        """What is in it."""
        return int(self.row.cash_fen)

    def after(self, change_fen: int) -> int:
        """Return the cash after a change.

        :raises TillShort: it would be below zero. :raises TillFull: it would be more than a till keeps,
            or than its desk deposited.
        """
        left_fen = self.cash_fen + change_fen
        if left_fen < 0:
            raise TillShort(pointer="/amount_fen", left_fen=self.cash_fen)
        most_fen = CASH_FEN_MAX if self.row.deposit_fen is None else min(CASH_FEN_MAX, self.row.deposit_fen)
        if left_fen > most_fen and change_fen > 0:
            raise TillFull(pointer="/amount_fen", cash_fen_max=most_fen)
        return left_fen

    def moving(  # what an act is made of
        self,
        kind: TillActKind,
        change_fen: int,
        *,
        till_act_id: UUID,
        clerk_id: UUID,
        whom_id: UUID | None = None,
        transfer_id: UUID | None = None,
        account_fen: int | None = None,
        bill_payment_id: UUID | None = None,
        sent_transfer_id: UUID | None = None,
    ) -> dict[str, object]:
        """Return the parameters of :data:`MOVE_CASH`. Errors as :meth:`after`."""
        return {
            "till_id": self.row.till_id,
            "shift_id": self.row.shift_id,
            "till_act_id": till_act_id,
            "kind": kind.value,
            "change_fen": change_fen,
            "cash_after_fen": self.after(change_fen),
            "number": self.row.last_number + 1,
            "counted_on": day_of(self.row.now),
            "day_in_fen": self.in_fen + (change_fen if kind in CASH_FROM_PEOPLE else 0),
            "day_out_fen": self.out_fen - (change_fen if kind is TillActKind.CASH_OUT else 0),
            "clerk_id": clerk_id,
            "whom_id": whom_id,
            "transfer_id": transfer_id,
            "account_fen": account_fen,
            "bill_payment_id": bill_payment_id,
            "sent_transfer_id": sent_transfer_id,
        }


def require_countable(counted_fen: int) -> None:
    """Refuse a count that no till can hold: a slip of the finger would be booked as found.

    :raises TillFull: it is more than a till keeps.
    """
    if counted_fen > CASH_FEN_MAX:
        raise TillFull(pointer="/counted_fen", cash_fen_max=CASH_FEN_MAX)


def drawer_of(row: Row) -> Drawer:
    """Return the till of a row that selects :data:`TILL` and ``now``."""
    is_today = row.counted_on == day_of(row.now)
    return Drawer(row, row.day_in_fen if is_today else 0, row.day_out_fen if is_today else 0)


def serving(row: Row) -> Drawer:
    """Return the till of a row, which is open today.

    :raises TillNotOpen: it is closed. :raises TillOfAnotherDay: it was opened on an earlier day.
    """
    if row.till_state != TillState.OPEN:
        raise TillNotOpen
    if row.business_on != day_of(row.now):
        raise TillOfAnotherDay(business_on=row.business_on.isoformat())
    return drawer_of(row)
