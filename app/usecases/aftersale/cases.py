"""Cases as use cases hold them: locked behind their order, moved, and taken up by time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import orjson
from sqlalchemy import text

from app.core.accounts.models import PLATFORM_ID
from app.core.aftersale.errors import CaseNotFound
from app.core.aftersale.rules import PRESUMED_FAULT, CaseFault, CaseKind, CaseReason, ExchangeWay, wait_of
from app.core.aftersale.states import CASE_TRANSITIONS, FINAL_CASE_STATES, CaseAction, CaseState
from app.core.delivery.writes import TRIP_BORN, called_off
from app.core.events import CaseEvent, CaseMoved
from app.core.orders.errors import SoldOut
from app.core.orders.repository import ORDER_COLUMNS, STOCK_MOVED, Order, order_of
from app.kernel.actor import Role
from app.kernel.machines import next_state
from app.kernel.timers import Timer
from app.kernel.transaction import Opening, Transaction, closing, opening
from app.kernel.wire import Row
from app.usecases.aftersale.exchange_trip import begin_trip, tell_off
from app.usecases.ordering.line_rates import RATE_OF_LINE, SOLD_OF_LINE

CASE_LAPSES = "case_lapses"
"""Timer: whoever had to act in a case has let the deadline pass."""
CASE_REMINDS = "case_reminds"
"""Timer: the deadline of a case is near."""
NOTE_CONTEXT = "after_sale_cases.note"

_CASE = f"""
    SELECT {ORDER_COLUMNS}, c.case_id, c.state AS case_state, c.kind, c.reason, c.asked_fen, c.fault, c.moved_at,
        c.due_at, c.exchange_way, c.difference_fen, c.carrier_id, c.wrong_codes
    FROM orders AS o JOIN after_sale_cases AS c ON c.order_id = o.order_id
"""
LOCK_OWN_CASE = opening(f"{_CASE} WHERE c.case_id = :case_id AND c.account_id = :account_id FOR UPDATE OF o, c")
LOCK_CASE_FOR_SHOP = opening(
    f"""
    {_CASE}
    JOIN memberships AS m ON m.organization_id = c.merchant_id AND m.organization_kind = 'merchant'
        AND m.role = ANY (CAST(:roles AS text[]))
    WHERE c.case_id = :case_id AND m.account_id = :account_id FOR UPDATE OF o, c
    """
)
LOCK_CASE_FOR_STORE = opening(
    f"""
    {_CASE}
    JOIN memberships AS m ON m.organization_id = o.store_id AND m.organization_kind = 'store'
        AND m.role = ANY (CAST(:roles AS text[]))
    WHERE c.case_id = :case_id AND m.account_id = :account_id FOR UPDATE OF o, c
    """
)
LOCK_CASE = opening(f"{_CASE} WHERE c.case_id = :case_id FOR UPDATE OF o, c")

MOVED_CASE = """
moved_case AS (
    UPDATE after_sale_cases SET state = :case_to, moved_at = business_now(), due_at = CAST(:case_due_at AS timestamptz),
        ended_at = CASE WHEN CAST(:case_is_over AS boolean) THEN business_now() END,
        answer = coalesce(CAST(:answer AS text), answer),
        appeal_sealed = coalesce(CAST(:appeal_sealed AS text), appeal_sealed),
        return_reference = coalesce(CAST(:return_reference AS text), return_reference),
        replacement_reference = coalesce(CAST(:replacement_reference AS text), replacement_reference),
        fault = coalesce(CAST(:fault AS text), fault), payer = coalesce(CAST(:payer AS text), payer),
        ruling = coalesce(CAST(:ruling AS text), ruling),
        ruled_by_id = coalesce(CAST(:ruled_by_id AS uuid), ruled_by_id),
        refund_id = CAST(:case_refund_id AS uuid), refund_fen = CAST(:case_refund_fen AS bigint),
        from_escrow_fen = CAST(:from_escrow_fen AS bigint), from_pending_fen = CAST(:from_pending_fen AS bigint),
        from_available_fen = CAST(:from_available_fen AS bigint), from_debt_fen = CAST(:from_debt_fen AS bigint),
        from_commission_fen = CAST(:from_commission_fen AS bigint),
        from_platform_fen = CAST(:from_platform_fen AS bigint),
        promotion_back_fen = CAST(:case_promotion_back_fen AS bigint),
        carrier_id = CASE WHEN CAST(:case_to AS text) = 'exchanging' THEN NULL
            ELSE coalesce(CAST(:carrier_id AS uuid), carrier_id) END,
        carriage_payer = coalesce(CAST(:carriage_payer AS text), carriage_payer),
        carriage_fen = carriage_fen + CAST(:carriage_fen AS bigint),
        exchange_way = coalesce(CAST(:exchange_way AS text), exchange_way)
    WHERE case_id = :case_id AND state = :case_from
    RETURNING case_id
)"""
_TEXTS = (
    "answer", "appeal_sealed", "return_reference", "replacement_reference", "fault", "payer", "ruling", "ruled_by_id",
    "case_refund_id", "carrier_id", "carriage_payer", "exchange_way",
)  # fmt: skip
SOURCES = ("escrow", "pending", "available", "debt", "commission", "platform")
"""From where the money of a case's refund can come; see :class:`app.core.aftersale.models.CaseRow`."""

BLOCKED_WHY = "after_sale"
"""Why what an order earned stands in no statement while a case is open."""
IS_LAST_OPEN = """
    NOT EXISTS (SELECT 1 FROM after_sale_cases AS other WHERE other.order_id = :order_id AND other.case_id <> :case_id
        AND other.state NOT IN ('refunded', 'exchanged', 'withdrawn', 'refused'))
"""
EARNINGS_MOVED = f"""
unblocked AS (
    UPDATE settlement_items SET blocked_why = NULL
    WHERE order_id = :order_id AND party_kind = 'merchant' AND blocked_why = '{BLOCKED_WHY}'
      AND CAST(:case_is_over AS boolean) AND {IS_LAST_OPEN}
)"""
"""What the order earned may stand in a statement again, once no case is open."""
ANSWER_STOCKED = "SELECT (SELECT count(*) FROM moved_case) AS cases, (SELECT array_agg(sku_id) FROM stocked) AS skus"
TRIP_OFF = called_off("case_id = :case_id AND CAST(:is_called_off AS boolean)")
"""What nobody has to bring any more is not brought."""
_ONLY_MOVED = closing(f"{MOVED_CASE}, {EARNINGS_MOVED}, {STOCK_MOVED}, {TRIP_OFF}", answer=ANSWER_STOCKED)
_MOVED_WITH_TRIP = closing(f"{MOVED_CASE}, {EARNINGS_MOVED}, {STOCK_MOVED}, {TRIP_BORN}", answer=ANSWER_STOCKED)
CASE_LINES = text(
    f"""
    SELECT c.line, c.quantity, c.asked_fen, {SOLD_OF_LINE}, {RATE_OF_LINE}, l.sku_id, l.is_counted,
        c.exchange_sku_id, c.is_exchange_counted
    FROM after_sale_case_lines AS c JOIN order_lines AS l ON l.order_id = c.order_id AND l.line = c.line
    WHERE c.case_id = :case_id ORDER BY c.line
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A locked case, with its locked order."""

    case_id: UUID
    order: Order
    state: CaseState
    kind: CaseKind
    reason: CaseReason
    asked_fen: int
    ruled_fault: CaseFault | None
    moved_at: datetime
    due_at: datetime | None
    exchange_way: ExchangeWay | None = None
    difference_fen: int = 0
    carrier_id: UUID | None = None
    wrong_codes: Mapping[str, int] = field(default_factory=dict)

    @property
    def fault(self) -> CaseFault:
        """Who is taken to be at fault: by ruling, or else by the reason."""
        return PRESUMED_FAULT[self.reason] if self.ruled_fault is None else self.ruled_fault

    @property
    def is_on_trip(self) -> bool:
        """Whether its new piece waits for a courier at the shop."""
        return self.state is CaseState.EXCHANGING and self.exchange_way is ExchangeWay.COURIER

    @property
    def is_over(self) -> bool:
        """Whether nothing moves it any more."""
        return self.state in FINAL_CASE_STATES

    def next(self, action: CaseAction, role: Role) -> CaseState:
        """Return the state that ``action`` by ``role`` leads to."""
        return next_state(CASE_TRANSITIONS, self.state, action, role)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseStands:
    """What an act on a case answers."""

    case_id: UUID
    order_id: UUID
    state: str
    refund_id: UUID | None = None
    refund_fen: int = 0


def lock_case(tx: Transaction, statement: Opening, params: dict[str, object]) -> Case:
    """Lock a case and its order.

    :raises CaseNotFound: there is none, or not for this asker.
    """
    row = tx.open_one(statement, params)
    if row is None:
        raise CaseNotFound
    return Case(
        case_id=row.case_id,
        order=order_of(row),
        state=CaseState(row.case_state),
        kind=CaseKind(row.kind),
        reason=CaseReason(row.reason),
        asked_fen=row.asked_fen,
        ruled_fault=None if row.fault is None else CaseFault(row.fault),
        moved_at=row.moved_at,
        due_at=row.due_at,
        exchange_way=None if row.exchange_way is None else ExchangeWay(row.exchange_way),
        difference_fen=row.difference_fen,
        carrier_id=row.carrier_id,
        wrong_codes=row.wrong_codes,
    )


def told(kind: type[CaseEvent], case_id: UUID, order: Order, state: CaseState) -> CaseEvent:
    """Return an event about a case, for the parties that it concerns."""
    return kind(
        case_id=case_id,
        order_id=order.order_id,
        account_id=order.account_id,
        shop_id=order.shop_id,
        state=state.value,
        platform_id=PLATFORM_ID if state is CaseState.ESCALATED else None,
    )


def begin_waiting(tx: Transaction, case_id: UUID, state: CaseState, kind: CaseKind) -> timedelta | None:
    """Set the timers of ``state`` and return its window; None where the case is over."""
    wait = wait_of(state, kind)
    if wait is None:
        return None
    tx.schedule(Timer(CASE_LAPSES, case_id, wait.window), Timer(CASE_REMINDS, case_id, wait.remind_after))
    return wait.window


def moving(tx: Transaction, case: Case, target: CaseState, **more: object) -> dict[str, object]:
    """Record the move, set its timers, and return the parameters of :data:`MOVED_CASE` and :data:`EARNINGS_MOVED`."""
    tx.record(told(CaseMoved, case.case_id, case.order, target))
    window = begin_waiting(tx, case.case_id, target, case.kind)
    is_called_off = case.is_on_trip and target not in {CaseState.EXCHANGING, CaseState.CARRIED}
    if is_called_off:
        tell_off(tx, case.case_id)
    return {
        **dict.fromkeys(_TEXTS),
        **dict.fromkeys([f"from_{source}_fen" for source in SOURCES], 0),
        "case_refund_fen": 0,
        "case_promotion_back_fen": 0,
        "carriage_fen": 0,
        "stock": "[]",
        "is_called_off": is_called_off,
        "case_id": case.case_id,
        "order_id": case.order.order_id,
        "case_from": case.state.value,
        "case_to": target.value,
        "case_is_over": target in FINAL_CASE_STATES,
        "case_due_at": None if window is None else case.order.now + window,
        **more,
    }


def stock_moves(
    case: Case, target: CaseState, lines: Sequence[Row], *, is_resalable: bool = False
) -> list[dict[str, object]]:
    """Return what a move does to the shelf: new pieces are reserved while it is exchanging, and then gone or back.

    :param is_resalable: what came back goes on the shelf.
    """
    before, after = case.state is CaseState.EXCHANGING, target is CaseState.EXCHANGING
    moves: list[dict[str, object]] = []
    for row in lines:
        if row.is_exchange_counted and before != after:
            way = -1 if before else 1
            moves.append(
                {
                    "sku_id": row.exchange_sku_id,
                    "reserved": way * row.quantity,
                    "on_hand": row.quantity * _ON_HAND.get((case.state, target), -way),
                    "received": row.quantity * _RECEIVED.get((case.state, target), 0),
                }
            )
        if row.is_counted and is_resalable:
            moves.append({"sku_id": row.sku_id, "on_hand": row.quantity, "reserved": 0, "received": row.quantity})
    return moves


_OUT = ((CaseState.EXCHANGING, CaseState.REPLACED), (CaseState.EXCHANGING, CaseState.CARRIED))
_BACK = (CaseState.CARRIED, CaseState.EXCHANGING)
_ON_HAND = dict.fromkeys((*_OUT, _BACK), 0)
_RECEIVED = {**dict.fromkeys(_OUT, -1), _BACK: 1}


def as_stock(moves: Sequence[Mapping[str, object]]) -> str:
    """Return moves as :data:`STOCK_MOVED` wants them."""
    return orjson.dumps(moves).decode()


def refuse_short_stock(moves: Sequence[Mapping[str, object]], done: Row) -> None:
    """Refuse a move whose new pieces the shelf did not hold.

    :raises SoldOut: it does not hold the first of these.
    """
    missing = {str(one["sku_id"]) for one in moves} - {str(sku_id) for sku_id in done.skus or ()}
    if missing:
        raise SoldOut(sku_id=min(missing), left=0)


def move_case(tx: Transaction, case: Case, target: CaseState, **more: object) -> CaseStands:
    """Move a locked case without money; closes the transaction.

    :param more: columns to be written, such as ``answer``.
    :raises SoldOut: the shelf does not hold what it is to be exchanged for.
    """
    stands = CaseStands(case_id=case.case_id, order_id=case.order.order_id, state=target.value)
    moves = []
    if CaseState.EXCHANGING in {case.state, target}:
        moves = stock_moves(case, target, tx.execute(CASE_LINES, {"case_id": case.case_id}).fetchall())
    if tx.claim is not None:
        tx.keep(stands)
    statement = _ONLY_MOVED
    if target is CaseState.EXCHANGING and case.exchange_way is ExchangeWay.COURIER:
        trip = begin_trip(tx, case.order, case.case_id)
        statement = _ONLY_MOVED if trip is None else _MOVED_WITH_TRIP
        more |= {"exchange_way": ExchangeWay.SHOP} if trip is None else trip
    done = tx.close(statement, moving(tx, case, target, stock=as_stock(moves), **more)).one()
    refuse_short_stock(moves, done)
    assert done.cases == 1, "a locked case changed under its lock"
    return stands
