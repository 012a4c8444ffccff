"""A sale that everybody comes to at one instant: those who are there together are served by one transaction.

A batch has what :mod:`app.usecases.saving.term_sale` has for one, in the same order of locks: positions, quota, the
ledger's accounts. Whatever is out of the ordinary in it (a repeat, a second try of the same person, too little money,
more than is left) is left alone: it is done, or refused, by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from app.core import ledger
from app.core.ledger import JournalKind, codes
from app.core.wealth.terms import BUCKETS
from app.kernel.actor import Actor
from app.kernel.batching import ALONE, Alone, Batcher, Scattered
from app.kernel.errors import LinliError
from app.kernel.timers import Timer
from app.kernel.transaction import Claim, Transaction, transaction
from app.kernel.wire import Row
from app.usecases.saving.term_sale import (
    CONFIRM_WITHIN,
    CONFIRMED,
    HOLD_LASTS,
    LOCK_OWN,
    SUBSCRIBER,
    TAKE_POSITIONS,
    TAKEN,
    TERM_HOLD_EXPIRES,
    TermMoved,
    capture_of,
    confirm_subscription,
    confirmed,
    hold_of,
    judge,
    payment_of,
    subscribe_to_term,
    take_quota,
    taken_as,
)

BATCH_MAX = 128
"""Requests of one batch: its locks last as long as it takes."""

_IS_KNOWN = """
    EXISTS (SELECT 1 FROM idempotency_keys AS i WHERE i.principal_id = k.account_id AND i.operation = k.operation
        AND i.key = k.key) AS is_known
"""
_ASKERS = """
    unnest(CAST(:account_ids AS uuid[]), CAST(:session_ids AS uuid[]), CAST(:operations AS text[]),
        CAST(:keys AS text[])
"""


def _of_each(select: str, *names: str) -> str:
    """Return ``select`` with the columns of each asker, ``k``, in place of its parameters."""
    for name in ("account_id", "session_id", *names):
        select = select.replace(f":{name}", f"k.{name}")
    return select


_TO_SUBSCRIBE = text(
    f"""
    WITH funds AS MATERIALIZED (
        SELECT code, available_fen FROM ledger.balance WHERE code = ANY (CAST(:codes AS text[]))
    )
    SELECT o.*, k.place, {_IS_KNOWN}, f.available_fen
    FROM {_ASKERS}, CAST(:grant_ids AS uuid[]), CAST(:amounts AS bigint[]), CAST(:codes AS text[]))
        WITH ORDINALITY AS k (account_id, session_id, operation, key, grant_id, amount_fen, code, place)
    LEFT JOIN funds AS f ON f.code = k.code
    CROSS JOIN LATERAL ({_of_each(SUBSCRIBER, "grant_id", "amount_fen")}) AS o
    ORDER BY k.place
    """
)
_LOCK_OWN = text(
    f"""
    SELECT k.place, {_IS_KNOWN}, o.*
    FROM {_ASKERS}, CAST(:subscription_ids AS uuid[]))
        WITH ORDINALITY AS k (account_id, session_id, operation, key, subscription_id, place)
    CROSS JOIN LATERAL ({_of_each(LOCK_OWN, "subscription_id")}) AS o
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribing:
    """What one asks who takes an amount of a product."""

    actor: Actor
    claim: Claim
    product_id: UUID
    amount_fen: int
    step_up_grant: UUID | None
    is_confirmed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirming:
    """What one asks who confirms a subscription."""

    actor: Actor
    claim: Claim
    subscription_id: UUID


Outcomes = list[TermMoved | Exception | Alone]


def subscribe_among_many(
    actor: Actor, claim: Claim, *, product_id: UUID, amount_fen: int, step_up_grant: UUID | None, is_confirmed: bool
) -> TermMoved:
    """Take an amount of a term product, as :func:`subscribe_to_term`, together with who else asks at this moment."""
    ask = Subscribing(
        actor=actor,
        claim=claim,
        product_id=product_id,
        amount_fen=amount_fen,
        step_up_grant=step_up_grant,
        is_confirmed=is_confirmed,
    )
    return _SALES.ask(ask, key=(product_id, is_confirmed))


def confirm_among_many(actor: Actor, claim: Claim, *, subscription_id: UUID) -> TermMoved:
    """Confirm what is held, as :func:`confirm_subscription`, together with who else asks at this moment."""
    return _CONFIRMATIONS.ask(Confirming(actor=actor, claim=claim, subscription_id=subscription_id))


def _askers(asks: Sequence[Subscribing] | Sequence[Confirming]) -> dict[str, object]:
    return {
        "account_ids": [ask.actor.account_id for ask in asks],
        "session_ids": [ask.actor.session_id for ask in asks],
        "operations": [ask.claim.operation for ask in asks],
        "keys": [ask.claim.key for ask in asks],
    }


def subscribe_all(asks: Sequence[Subscribing]) -> Outcomes:
    """Sell one product to all who ask and may have it; say of the others why not, or leave them alone."""
    outcomes: Outcomes = [ALONE] * len(asks)
    with transaction() as tx:
        params = {
            **_askers(asks),
            "grant_ids": [ask.step_up_grant for ask in asks],
            "amounts": [ask.amount_fen for ask in asks],
            "codes": [codes.e_account(ask.actor.account_id) for ask in asks],
            "subject_id": asks[0].product_id,
        }
        rows = tx.execute(_TO_SUBSCRIBE, params).fetchall()
        left_fen = int(rows[0].left_fen or 0) if rows else 0
        sold: dict[UUID, tuple[Subscribing, TermMoved]] = {}
        for row in rows:
            ask = asks[row.place - 1]
            outcome = _judged(ask, row)
            if isinstance(outcome, TermMoved):
                if ask.actor.account_id in sold or outcome.amount_fen > left_fen:
                    continue
                sold[ask.actor.account_id] = ask, outcome
                left_fen -= outcome.amount_fen
            outcomes[row.place - 1] = outcome
        if not sold:
            return outcomes
        _sell(tx, list(sold.values()), rows[0])
    return outcomes


def _sell(tx: Transaction, sold: Sequence[tuple[Subscribing, TermMoved]], terms: Row) -> None:
    product_id = terms.product_id
    accounts, amounts = [ask.actor.account_id for ask, _ in sold], [ask.amount_fen for ask, _ in sold]
    positions = tx.execute(
        TAKE_POSITIONS,
        {"product_id": product_id, "account_ids": accounts, "amounts": amounts, "cap_fen": terms.cap_fen},
    )
    if positions.rowcount != len(sold):
        raise Scattered
    take_quota(tx, product_id, sum(amounts), minimum_fen=terms.minimum_fen, own=accounts[0].int % BUCKETS)
    if sold[0][1].is_confirmed:
        ledger.post_many(tx, [payment_of(moved, ask.actor.account_id) for ask, moved in sold])
    else:
        _hold(tx, sold)
    for ask, moved in sold:
        about = {"subject_kind": "subscription", "subject_id": moved.subscription_id}
        tx.fulfil(ask.claim, moved, **about, details={"amount_fen": moved.amount_fen})
    used = tx.close(TAKEN, taken_as([(ask.actor.account_id, ask.step_up_grant, moved) for ask, moved in sold]))
    if used.scalar_one() != len(sold):
        raise Scattered


def _hold(tx: Transaction, sold: Sequence[tuple[Subscribing, TermMoved]]) -> None:
    ledger.place_holds(tx, [hold_of(moved, ask.actor.account_id) for ask, moved in sold], ttl=HOLD_LASTS)
    tx.schedule(*[Timer(TERM_HOLD_EXPIRES, moved.subscription_id, CONFIRM_WITHIN) for _, moved in sold])


def _judged(ask: Subscribing, row: Row) -> TermMoved | Exception | Alone:
    if row.is_known:
        return ALONE
    try:
        judge(row, amount_fen=ask.amount_fen, step_up_grant=ask.step_up_grant)
    except LinliError as refusal:
        return refusal
    if (row.available_fen or 0) < ask.amount_fen:
        return ALONE
    return TermMoved.taken(ask.product_id, ask.amount_fen, now=row.now, is_confirmed=ask.is_confirmed)


def confirm_all(asks: Sequence[Confirming]) -> Outcomes:
    """Confirm all that can be confirmed; say of the others why not, or leave them alone."""
    outcomes: Outcomes = [ALONE] * len(asks)
    with transaction() as tx:
        ids = [ask.subscription_id for ask in asks]
        found = {}
        for row in tx.execute(_LOCK_OWN, {**_askers(asks), "subscription_ids": ids}).fetchall():
            if not row.is_known and row.subscription_id not in found:
                found[row.subscription_id] = row
                outcomes[row.place - 1] = _confirmed(asks[row.place - 1], row)
        done = [(ask, moved) for ask, moved in zip(asks, outcomes, strict=True) if isinstance(moved, TermMoved)]
        if not done:
            return outcomes
        captures = [capture_of(found[moved.subscription_id]) for _, moved in done]
        ledger.capture_holds(tx, captures, kind=JournalKind.TERM_SUBSCRIPTION)
        for ask, moved in done:
            tx.fulfil(ask.claim, moved)
        confirmed_ids = [moved.subscription_id for _, moved in done]
        changed = tx.close(CONFIRMED, {"subscription_ids": confirmed_ids}).scalar_one()
        assert changed == len(done), "confirmed under lock"
    return outcomes


def _confirmed(ask: Confirming, row: Row) -> TermMoved | Exception:
    try:
        return confirmed(row, ask.actor)
    except LinliError as refusal:
        return refusal


def subscribe_alone(ask: Subscribing) -> TermMoved:
    """Do by itself what no batch did."""
    return subscribe_to_term(
        ask.actor,
        ask.claim,
        product_id=ask.product_id,
        amount_fen=ask.amount_fen,
        step_up_grant=ask.step_up_grant,
        is_confirmed=ask.is_confirmed,
    )


def confirm_alone(ask: Confirming) -> TermMoved:
    """Do by itself what no batch did."""
    return confirm_subscription(ask.actor, ask.claim, subscription_id=ask.subscription_id)


_SALES: Batcher[Subscribing, TermMoved] = Batcher(
    subscribe_all,
    alone=subscribe_alone,
    most=BATCH_MAX,
)
_CONFIRMATIONS: Batcher[Confirming, TermMoved] = Batcher(
    confirm_all,
    alone=confirm_alone,
    most=BATCH_MAX,
)
