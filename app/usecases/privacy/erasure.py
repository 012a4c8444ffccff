"""Erasure (注销): after a cooling time a person's rows are gone or lead to nobody; the books stay as they were.

Asked for, it waits a week of business time, in which it can be called off. On its day the checks are made again, under
the account's lock; then one transaction goes through the register of personal data. The account's id becomes a
pseudonym: orders, payments and journals keep it, and nothing leads from it to a person. The phone may sign up anew.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from app.core.events import ErasureEnded, ErasureRequested
from app.core.ledger import codes
from app.core.orders.states import FINAL_ORDER_STATES
from app.core.privacy.errors import ErasureHindered, ErasureNotFound, ErasureWaiting
from app.core.privacy.models import ErasureState
from app.core.privacy.register import REGISTER, Fate, Holding
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.sealing import blind_index, unseal
from app.kernel.timers import Timer
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction
from app.usecases.activities.sign_up import give_up_places

ERASURE_DUE = "erasure_due"
"""Timer: the cooling time is over."""
COOLING = timedelta(days=7)

_FINAL = ", ".join(f"'{state.value}'" for state in sorted(FINAL_ORDER_STATES))
_PERSONAL_KINDS = ("e_account", "fund_holding", "fund_pending_in", "fund_pending_out", "term_holding",
                   "courier_pending", "courier_available")  # fmt: skip

_LOCK_ACCOUNT = opening(
    """
    SELECT a.account_id, a.phone_sealed, a.state, business_now() AS now,
        (SELECT e.due_at FROM erasures AS e WHERE e.account_id = a.account_id AND e.state = 'waiting') AS due_at
    FROM accounts AS a WHERE a.account_id = :account_id FOR UPDATE OF a
    """
)
_HINDRANCES = text(
    f"""
    SELECT
        EXISTS (SELECT 1 FROM orders WHERE account_id = :account_id AND state NOT IN ({_FINAL})) AS orders,
        EXISTS (SELECT 1 FROM payments WHERE account_id = :account_id AND state IN ('created', 'pending')
            AND purpose = 'top_up')
        OR EXISTS (SELECT 1 FROM refunds WHERE account_id = :account_id AND state NOT IN ('succeeded', 'failed'))
        OR EXISTS (SELECT 1 FROM bill_payments WHERE account_id = :account_id
            AND state NOT IN ('succeeded', 'returned'))
            AS payments,
        EXISTS (SELECT 1 FROM ledger.balance WHERE code = ANY (CAST(:codes AS text[]))
            AND (posted_fen <> 0 OR held_fen <> 0))
        OR EXISTS (SELECT 1 FROM fund_holdings WHERE account_id = :account_id AND units_fen > 0) AS money,
        EXISTS (SELECT 1 FROM memberships WHERE account_id = :account_id) AS parts,
        EXISTS (SELECT 1 FROM courier_shifts WHERE courier_id = :account_id AND ended_at IS NULL)
        OR EXISTS (SELECT 1 FROM trips WHERE courier_id = :account_id AND state = 'assigned') AS work
    """
)
_REQUEST = closing(
    """
    made AS (
        INSERT INTO erasures (erasure_id, account_id, state, requested_at, due_at)
        VALUES (:erasure_id, :account_id, 'waiting', business_now(), business_now() + CAST(:cooling AS interval))
        RETURNING due_at
    )""",
    answer="SELECT due_at FROM made",
)
_CANCEL = text(
    """
    UPDATE erasures SET state = 'canceled', ended_at = business_now()
    WHERE account_id = :account_id AND state = 'waiting'
    """
)
_OF_TIMER = text(
    "SELECT account_id FROM erasures WHERE erasure_id = :erasure_id AND state = 'waiting' AND due_at <= business_now()"
)
_LOCK_BY_SYSTEM = text("SELECT phone_sealed FROM accounts WHERE account_id = :account_id FOR UPDATE")
_END = text(
    """
    UPDATE erasures SET state = :state, ended_at = business_now() WHERE erasure_id = :erasure_id AND state = 'waiting'
    """
)
_REMEMBER_NUMBER = text(
    """
    INSERT INTO former_identities (account_id, number_index)
    SELECT account_id, number_index FROM identities WHERE account_id = :account_id
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureAsked:
    """What asking to be erased answers."""

    erasure_id: UUID
    state: str


def request_erasure(actor: Actor, claim: Claim) -> ErasureAsked:
    """Ask to be erased after the cooling time.

    :raises ErasureHindered: orders, payments, money, memberships or work are open.
    :raises ErasureWaiting: asked before.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_ACCOUNT, {"account_id": actor.account_id})
        assert row is not None, "who has a token has an account"
        if row.due_at is not None:
            raise ErasureWaiting(due_at=row.due_at)
        reasons = hindrances(tx, actor.account_id)
        if reasons:
            raise ErasureHindered(reasons=reasons)
        asked = ErasureAsked(erasure_id=new_id(), state=ErasureState.WAITING.value)
        tx.record(ErasureRequested(account_id=actor.account_id))
        tx.schedule(Timer(ERASURE_DUE, asked.erasure_id, COOLING))
        tx.keep(asked)
        tx.close(_REQUEST, {"erasure_id": asked.erasure_id, "account_id": actor.account_id, "cooling": COOLING})
    return asked


def cancel_erasure(actor: Actor) -> None:
    """Call an erasure off while it waits.

    :raises ErasureNotFound: none waits.
    """
    with transaction() as tx:
        if tx.execute(_CANCEL, {"account_id": actor.account_id}).rowcount != 1:
            raise ErasureNotFound


def hindrances(tx: Transaction, account_id: UUID) -> list[str]:
    """Return what stands against erasing somebody: ``orders``, ``payments``, ``money``, ``parts``, ``work``."""
    accounts = [f"{kind}:{account_id}" for kind in _PERSONAL_KINDS]
    assert accounts[0] == codes.e_account(account_id)
    row = tx.execute(_HINDRANCES, {"account_id": account_id, "codes": accounts}).one()
    return [name for name, is_open in row._mapping.items() if is_open]


def erase_when_due(tx: Transaction, erasure_id: UUID) -> None:
    """Erase, on its day, whoever still wishes it and has nothing open; otherwise the erasure stops and says so."""
    due = tx.execute(_OF_TIMER, {"erasure_id": erasure_id}).one_or_none()
    if due is None:
        return
    account_id = due.account_id
    phone_sealed = tx.execute(_LOCK_BY_SYSTEM, {"account_id": account_id}).one().phone_sealed
    state = ErasureState.STOPPED if hindrances(tx, account_id) else ErasureState.DONE
    if tx.execute(_END, {"erasure_id": erasure_id, "state": state.value}).rowcount != 1:
        return  # called off while this waited for the lock
    if state is ErasureState.DONE:
        _erase(tx, account_id, unseal(phone_sealed, context="accounts.phone"))
    tx.record(ErasureEnded(account_id=account_id, state=state.value))


def _erase(tx: Transaction, account_id: UUID, phone: str) -> None:
    tx.execute(_REMEMBER_NUMBER, {"account_id": account_id})
    give_up_places(tx, account_id)
    known = {
        ":account_id": account_id,
        ":phone_index": blind_index(phone, context="accounts.phone"),
        ":sandbox_index": blind_index(phone, context="sandbox_messages.phone"),
    }
    for holding in REGISTER:
        statement = _statement(holding)
        if statement is not None:
            tx.execute(text(statement), {name[1:]: value for name, value in known.items() if name in statement})


def _statement(holding: Holding) -> str | None:
    """Return what is done to a person's rows of one table."""
    if holding.fate is Fate.DELETED:
        return f"DELETE FROM {holding.table} WHERE {holding.person}"
    if holding.fate is Fate.CLEARED:
        clears = ", ".join(f"{column} = {value}" for column, value in holding.clears.items())
        return f"UPDATE {holding.table} SET {clears} WHERE {holding.person}"
    return None
