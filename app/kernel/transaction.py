"""One transaction per use case, in as few round trips as its story has turns.

A use case usually speaks to the database twice: an *opening* statement claims the idempotency key and locks and reads
the rows to decide about; a *closing* statement applies what was decided and, with it, records the events, sets the
timers and keeps the result for a repeat. Between the two stands pure Python, and sometimes one call of the ledger.

READ COMMITTED. Transactions do not nest. A single read needs none (:func:`read`); nothing else happens outside one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from contextlib import closing as closed_after
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import orjson
from sqlalchemy import Connection, Engine, TextClause, text
from sqlalchemy.exc import DBAPIError

from app.kernel import audit
from app.kernel.audit import Act
from app.kernel.db import db
from app.kernel.errors import Conflict, LinliError
from app.kernel.outbox import Event
from app.kernel.timers import Timer
from app.kernel.wire import Result, Row, Wire, lend, wire_of

if TYPE_CHECKING:
    from sqlalchemy import PoolProxiedConnection

IN_UTC = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC
"""How instants are written in answers: ``2026-11-28T03:00:00Z``, kept ones as first ones."""

UNMET = "LX001"
"""SQLSTATE of ``unmet()``: what a closing expected does not hold."""

_is_open: ContextVar[bool] = ContextVar("transaction_is_open", default=False)

_CLAIM = """
claimed AS (
    INSERT INTO idempotency_keys (principal_id, operation, key, request_hash)
    VALUES (:claim_principal, :claim_operation, :claim_key, :claim_hash)
    ON CONFLICT DO NOTHING
    RETURNING 1
)"""

_RECORD = """
recorded AS (
    INSERT INTO outbox (event_id, kind, body, recorded_at)
    SELECT CAST(e ->> 'event_id' AS uuid), e ->> 'kind', e -> 'body', business_now()
    FROM jsonb_array_elements(CAST(:closing_events AS jsonb)) AS e
),
scheduled AS (
    INSERT INTO timers (kind, subject_id, due_at)
    SELECT t ->> 'kind', CAST(t ->> 'subject_id' AS uuid),
           business_now() + CAST(t ->> 'after_s' AS double precision) * interval '1 second'
    FROM jsonb_array_elements(CAST(:closing_timers AS jsonb)) AS t
    ON CONFLICT (kind, subject_id) DO UPDATE SET due_at = excluded.due_at, attempts = 0, parked_at = NULL
)"""

_KEEP = """
kept AS (
    UPDATE idempotency_keys SET result = CAST(:closing_result AS jsonb)
    WHERE principal_id = :claim_principal AND operation = :claim_operation AND key = :claim_key
)"""

_ACTED = f"""
acted AS ({audit.INSERT})"""

_RELEASE = text(
    """
    DELETE FROM idempotency_keys
    WHERE principal_id = :claim_principal AND operation = :claim_operation AND key = :claim_key
    """
)
_READ_CLAIM = text(
    """
    SELECT request_hash, result FROM idempotency_keys
    WHERE principal_id = :claim_principal AND operation = :claim_operation AND key = :claim_key
    """
)


class IdempotencyKeyReused(Conflict):
    """The key was used before, for another request. Nothing was done."""

    code = "idempotency_key_reused"
    title = "Idempotency-Key was used for another request"


class Replayed(Exception):
    """This request was done before; ``result`` is what it answered then. The transaction changed nothing."""

    def __init__(self, result: Mapping[str, Any]) -> None:
        super().__init__("replayed")
        self.result = result


@dataclass(frozen=True, slots=True)
class Claim:
    """What makes a request the same request: who, what, under which key, with which body.

    :param request_hash: SHA-256 of operation, path and body, 32 bytes.
    """

    principal_id: UUID
    operation: str
    key: str
    request_hash: bytes
    act: Act | None = None
    """What the audit log will tell of the request, when it is done."""

    def as_params(self) -> dict[str, object]:
        """Return the claim as parameters of the statements above."""
        return {
            "claim_principal": self.principal_id,
            "claim_operation": self.operation,
            "claim_key": self.key,
            "claim_hash": self.request_hash,
        }


@dataclass(frozen=True, slots=True)
class Opening:
    """A first statement: ``SELECT … FOR UPDATE``, ready to be sent with or without a claim."""

    plain: TextClause
    claiming: TextClause


def opening(select: str) -> Opening:
    """Prepare a use case's first statement, a ``SELECT`` that locks what it returns."""
    return Opening(
        plain=text(select),
        claiming=text(
            f"WITH {_CLAIM}, subject AS ({select})\n"
            "SELECT f.is_fresh, s.* FROM (SELECT EXISTS (SELECT 1 FROM claimed) AS is_fresh) AS f\n"
            "LEFT JOIN (SELECT true AS is_found, q.* FROM subject AS q) AS s ON true"
        ),
    )


@dataclass(frozen=True, slots=True)
class Closing:
    """A last statement: the writes, with what every transaction leaves behind.

    :ivar is_end: whether nothing of its answer is left to be judged, so that COMMIT may go with it.
    """

    plain: TextClause
    keeping: TextClause
    is_end: bool = False


def closing(
    writes: str = "", *, answer: str = "SELECT 1", expecting: Mapping[str, str] | None = None, telling: str = "''"
) -> Closing:
    """Prepare a use case's last statement.

    One that says what it expects needs nobody to judge its answer: it is refused by the server if that does not hold,
    and in a request's own transaction COMMIT goes with it, in the same round trip.

    :param writes: named data-modifying CTEs, ``"moved AS (UPDATE … RETURNING 1), made AS (INSERT …)"``.
    :param answer: the final ``SELECT``, usually of what the writes return.
    :param expecting: in place of an answer, conditions by name, ``{"moved": "(SELECT count(*) FROM moved) = 1"}``.
    :param telling: a text expression, what whoever is refused has to know; see ``unmet`` of :meth:`Transaction.close`.

    The clock is read once: a call of ``business_now()`` for each row and column costs as much as writing it.
    """
    if expecting:
        checks = (f"CASE WHEN {met} THEN true ELSE unmet('{name}', {telling}) END" for name, met in expecting.items())
        answer = f"SELECT {', '.join(checks)}"
    middle = f", {writes}" if writes else ""
    plain, keeping = f"{_RECORD}{middle}\n{answer}", f"{_RECORD}, {_ACTED}, {_KEEP}{middle}\n{answer}"
    return Closing(plain=_with_clock(plain), keeping=_with_clock(keeping), is_end=expecting is not None)


def _with_clock(statement: str) -> TextClause:
    clock = "clock AS MATERIALIZED (SELECT business_now() AS now)"
    return text(f"WITH {clock}, {statement.replace('business_now()', '(SELECT now FROM clock)')}")


_crowded: list[TextClause] = []

_S = TypeVar("_S", TextClause, Opening, Closing)


def crowded(statement: _S) -> _S:
    """Note that crowds begin with ``statement``: a web process has it planned before it serves (:func:`plan_ahead`)."""
    match statement:
        case Opening():
            _crowded.append(statement.claiming)
        case Closing():
            _crowded.append(statement.keeping)
        case _:
            _crowded.append(statement)
    return statement


def plan_ahead(engine: Engine) -> None:
    """Have every connection that ``engine`` may keep plan what crowds begin with.

    :raises sqlalchemy.exc.DBAPIError: the server does not answer.
    """
    with ExitStack() as lent:
        for _ in range(engine.pool.size()):  # type: ignore[attr-defined] # of the kind of pool that we have
            wire = wire_of(lent.enter_context(closed_after(lend(engine))))
            for statement in _crowded:
                wire.plan(statement)


_CLOSE_ONLY = closing()
_ACT_ONLY = text(audit.INSERT)


_FULFIL = text(
    f"""
    WITH {_ACTED}
    INSERT INTO idempotency_keys (principal_id, operation, key, request_hash, result)
    SELECT principal_id, operation, key, decode(request_hash, 'hex'), result
    FROM jsonb_to_recordset(CAST(:fulfilled AS jsonb)) AS given (principal_id uuid, operation text, key text,
        request_hash text, result jsonb)
    """
)


@dataclass
class Transaction:
    """The open transaction: statements, and what is to be left behind when it ends."""

    wire: Wire
    engine: Engine
    lent: "PoolProxiedConnection"
    claim: Claim | None = None
    is_claimed: bool = False
    _events: list[Event] = field(default_factory=list)
    _timers: list[Timer] = field(default_factory=list)
    _acts: list[Act] = field(default_factory=list)
    _about: dict[str, Any] = field(default_factory=dict)
    _result: bytes | None = None
    _fulfilled: list[dict[str, object]] = field(default_factory=list)
    _refusing: list[AbstractContextManager[None]] = field(default_factory=list)
    is_over: bool = False

    @cached_property
    def connection(self) -> Connection:
        """The same transaction as SQLAlchemy sees it, for constructs and loads in bulk."""
        self.wire.begin_now()
        return Connection(self.engine, connection=self.lent)

    def execute(self, statement: TextClause, params: Mapping[str, object] | None = None) -> Result:
        """Send one statement: one round trip."""
        return self._send(statement, params or {})

    def take_along(
        self, statement: TextClause, params: Mapping[str, object], refusing: AbstractContextManager[None]
    ) -> None:
        """Have ``statement``, whose answer nobody needs, sent ahead of the next one in its round trip.

        :param refusing: what the next one is sent in, to raise the refusals of this one as errors of ours.
        """
        self.wire.take_along(statement, params)
        self._refusing.append(refusing)

    def _send(self, statement: TextClause, params: Mapping[str, object], *, then_commit: bool = False) -> Result:
        assert not self.is_over, "the transaction is over"
        with ExitStack() as refusing:
            while self._refusing:
                refusing.enter_context(self._refusing.pop())
            return self.wire.execute(statement, params, then_commit=then_commit)

    def open(self, statement: Opening, params: Mapping[str, object]) -> Sequence[Row]:
        """Claim the key (if there is one) and read and lock the subject, in one round trip.

        :raises Replayed: the key was claimed before by the same request; carries the result kept then.
        :raises IdempotencyKeyReused: the key was claimed before by another request.
        """
        if self.claim is None or self.is_claimed:
            return self.execute(statement.plain, params).fetchall()
        rows = self.execute(statement.claiming, {**params, **self.claim.as_params()}).fetchall()
        if not rows[0].is_fresh:
            self._replay(self.claim)
        self.is_claimed = True
        return [] if rows[0].is_found is None else rows

    def open_one(self, statement: Opening, params: Mapping[str, object]) -> Row | None:
        """As :meth:`open`, for a subject of at most one row."""
        rows = self.open(statement, params)
        return rows[0] if rows else None

    def _replay(self, claim: Claim) -> None:
        kept = self.execute(_READ_CLAIM, claim.as_params()).one()
        if bytes(kept.request_hash) != claim.request_hash:
            raise IdempotencyKeyReused(pointer="Idempotency-Key")
        raise Replayed(kept.result)

    def record(self, *events: Event) -> None:
        """Leave ``events`` in the outbox when this transaction commits."""
        self._events.extend(events)

    def schedule(self, *timers: Timer) -> None:
        """Set ``timers`` when this transaction commits; one already set for the same subject is moved."""
        self._timers.extend(timers)

    def keep(self, result: object) -> None:
        """Keep ``result`` (a dataclass of ids, fen and states) as the answer to a repeat of the same key."""
        self._result = orjson.dumps(result, option=IN_UTC)
        if self.claim is not None and self.claim.act is not None:
            self._acts.append(replace(self.claim.act, **self._about).with_result(result))

    def fulfil(self, claim: Claim, result: object, **about: Any) -> None:
        """Keep ``result`` for ``claim``, one of several requests that this transaction does.

        A key that stands already ends the transaction with an :class:`sqlalchemy.exc.IntegrityError`.

        :param about: as :meth:`describe`.
        """
        assert self.claim is None, "a transaction with a claim of its own does one request"
        self._fulfilled.append(
            {
                "principal_id": claim.principal_id,
                "operation": claim.operation,
                "key": claim.key,
                "request_hash": claim.request_hash.hex(),
                "result": result,
            }
        )
        if claim.act is not None:
            self._acts.append(replace(claim.act, **about).with_result(result))

    def leave_act(self, act: Act) -> None:
        """Leave ``act`` in the audit log when this transaction commits; see :mod:`app.kernel.audit`."""
        self._acts.append(act)

    def describe(self, **about: Any) -> None:
        """Say more of the request's own act, before :meth:`keep`: ``whom_id``, ``why``, ``details``, its subject."""
        self._about |= about

    def close(
        self,
        statement: Closing,
        params: Mapping[str, object],
        *,
        unmet: Mapping[str, Callable[[str], LinliError]] | None = None,
    ) -> Result:
        """Apply the writes and leave events, timers and result behind, in one round trip.

        In a request's own transaction a closing that says what it expects commits, too: nothing may follow it.

        :param unmet: by name of what was expected, the error to raise in place of it, given what the closing tells;
            one that is not named is our mistake.
        """
        left = {
            **params,
            "closing_events": orjson.dumps([event.as_record() for event in self._events]).decode(),
            "closing_timers": orjson.dumps([timer.as_record() for timer in self._timers]).decode(),
        }
        self._events, self._timers = [], []
        if self.claim is None:
            if not self._fulfilled:
                self._act()
            with _expecting(unmet):
                return self._send(statement.plain, left)
        assert self.is_claimed, "a transaction with a claim begins with open()"
        assert self._result is not None, "a transaction with a claim keeps its result"
        left |= self.claim.as_params()
        left["closing_result"], self._result = self._result.decode(), None
        left["closing_acts"], self._acts = _as_json(self._acts), []
        with _expecting(unmet):
            result = self._send(statement.keeping, left, then_commit=statement.is_end)
        self.is_over = statement.is_end
        return result

    def release_claim(self) -> None:
        """Give the key back: the request will be refused, but what was written so far is to be committed."""
        assert self.claim is not None, "there is no claim to release"
        assert self._result is None, "a refused request keeps no result"
        self.execute(_RELEASE, self.claim.as_params())

    def settle(self) -> None:
        """Leave behind what no :meth:`close` has taken along."""
        if self._events or self._timers or self._result is not None:
            self.close(_CLOSE_ONLY, {})
        if self._fulfilled:
            acts, self._acts = _as_json(self._acts), []
            self.execute(
                _FULFIL, {"fulfilled": orjson.dumps(self._fulfilled, option=IN_UTC).decode(), "closing_acts": acts}
            )
        self._act()

    def _act(self) -> None:
        if self._acts:
            acts, self._acts = self._acts, []
            self.execute(_ACT_ONLY, {"closing_acts": _as_json(acts)})


@contextmanager
def _expecting(unmet: Mapping[str, Callable[[str], LinliError]] | None) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != UNMET:
            raise
        diagnosis = getattr(error.orig, "diag", None)
        name = getattr(diagnosis, "message_primary", "")
        refused = (unmet or {}).get(name)
        if refused is None:
            raise AssertionError(f"a closing expected in vain: {name}") from error
        raise refused(getattr(diagnosis, "message_detail", None) or "") from error


def _as_json(acts: Sequence[Act]) -> str:
    return orjson.dumps([act.as_record() for act in acts]).decode()


def write_alone(statement: TextClause, params: Mapping[str, object] | None = None) -> Result:
    """Send one statement that is a whole transaction by itself: it is committed when it returns, one exchange of three.

    It records no event, sets no timer and claims no key.
    """
    return read(statement, params)


def write_beside(statement: TextClause, params: Mapping[str, object] | None = None) -> None:
    """Commit one statement on a connection of its own, for all to see while the open transaction goes on.

    It tells how far a long transaction is, and nothing that must be true: it stays when the transaction is rolled
    back. It must not wait for what the open transaction has locked.
    """
    assert _is_open.get(), "without a transaction there is nothing to tell of: write_alone"
    with transaction_on(db.engine) as tx:
        tx.execute(statement, params)


def read(statement: TextClause, params: Mapping[str, object] | None = None) -> Result:
    """Send one statement that changes nothing, outside a transaction: one exchange instead of three."""
    assert not _is_open.get(), "inside a transaction its own statements read"
    lent = lend(db.engine)
    try:
        return wire_of(lent).execute(statement, params or {})
    except DBAPIError as error:
        _abandon(db.engine, lent, error)
        raise
    finally:
        lent.close()


@contextmanager
def transaction(claim: Claim | None = None) -> Iterator[Transaction]:
    """Open the use case's transaction; commit at the end of the block, roll back on any exception."""
    assert not _is_open.get(), "transactions do not nest"
    mark = _is_open.set(True)
    try:
        with transaction_on(db.engine, claim) as tx:
            yield tx
    finally:
        _is_open.reset(mark)


@contextmanager
def transaction_on(engine: Engine, claim: Claim | None = None) -> Iterator[Transaction]:
    """Open a transaction on a connection of ``engine``; commit at the end of the block, roll back on any exception."""
    lent = lend(engine)
    try:
        wire = wire_of(lent)
        wire.begin()
        tx = Transaction(wire, engine, lent, claim)
        yield tx
        tx.settle()
        if not tx.is_over:
            wire.commit()
    except BaseException as error:
        _abandon(engine, lent, error)
        raise
    finally:
        lent.close()


def _abandon(engine: Engine, lent: "PoolProxiedConnection", error: BaseException) -> None:
    """Roll back. When the server is gone, so are the other connections of the pool that were made before."""
    wire = wire_of(lent)
    if not wire.is_lost and not wire.is_idle:
        with suppress(DBAPIError):
            wire.rollback()
    if wire.is_lost:
        engine.pool._invalidate(lent, error)  # noqa: SLF001 - what SQLAlchemy itself does on a lost connection
