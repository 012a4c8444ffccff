"""The audit log (审计日志): an act is left behind by the very transaction that does it, and never changed.

Whatever a door serves once (``once=True``) leaves its act by itself: the door says who and what, the kept result says
on what and how it ended. :func:`describe` adds whom it concerns and why; :func:`record` leaves a further act, or the
act of a read that shows personal data. The log holds ids, fen, states and short references, never a name, a phone
number, an address or free text. Its chain is sealed in batches by the worker, see ``migrations/sql/audit.sql``.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import text

from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.sealing import blind_index

if TYPE_CHECKING:
    from app.kernel.transaction import Transaction

SYSTEM = "system"
ADDRESS_CONTEXT = "audit.address"
SEAL_BATCH = 1_000
FINDINGS_MAX = 100
_PREFIX = {4: 24, 6: 48}
"""How much of an address is kept in the clear: the network, not the house."""

_origin: ContextVar[str | None] = ContextVar("audit_origin", default=None)

INSERT = """
    INSERT INTO audit.act (act_id, account_id, session_id, side, verb, subject_kind, subject_id, whom_id, network,
        address_index, why, outcome, details)
    SELECT act_id, account_id, session_id, side, verb, subject_kind, subject_id, whom_id, network,
        decode(address_index, 'hex'), why, outcome, details
    FROM jsonb_to_recordset(CAST(:closing_acts AS jsonb)) AS given (act_id uuid, account_id uuid, session_id uuid,
        side text, verb text, subject_kind text, subject_id uuid, whom_id uuid, network text, address_index text,
        why text, outcome text, details jsonb)
"""
_SEAL = text("SELECT audit.seal_acts(:limit)")
_FINDINGS = text("SELECT finding, seq, act_id, detail FROM audit.finding ORDER BY seq NULLS LAST, act_id LIMIT :limit")
_COUNTS = text(
    """
    SELECT (SELECT count(*) FROM audit.seal) AS sealed, (SELECT count(*) FROM audit.waiting) AS waiting,
           (SELECT encode(head, 'hex') FROM audit.seal ORDER BY seq DESC LIMIT 1) AS head
    """
)
_HEAD_AT = text("SELECT encode(head, 'hex') FROM audit.seal WHERE seq = :seq")


class Outcome(StrEnum):
    """How an act ended."""

    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Who did what, on what, to whom, why.

    :param actor: None for the system itself.
    :param verb: as in the policy of the route, such as ``order.accept``.
    :param whom_id: the account whose rights, money or personal data the act touches, when it is not the actor's own.
    :param why: a reference such as a case number, at most 64 characters; no free text.
    :param details: ids, fen, states and counts.
    :param origin: the address that the request came from, as :func:`came_from` was told before the act was made.
    """

    verb: str
    actor: Actor | None
    subject_kind: str | None = None
    subject_id: UUID | None = None
    whom_id: UUID | None = None
    why: str | None = None
    outcome: Outcome = Outcome.DONE
    details: Mapping[str, Any] = field(default_factory=dict)
    act_id: UUID = field(default_factory=new_id)
    origin: str | None = field(default_factory=_origin.get, repr=False)

    def with_result(self, result: object) -> "Act":
        """Return the act with what its kept ``result`` tells: the first id, when none was named; states and fen."""
        known = {one.name: getattr(result, one.name) for one in fields(result)} if is_dataclass(result) else {}
        told = {name: value for name, value in known.items() if name == "state" or name.endswith(("_fen", "_bp"))}
        made = next(((name, value) for name, value in known.items() if name.endswith("_id") and value), None)
        subject: dict[str, Any] = {}
        if self.subject_id is None and made is not None:
            subject = {"subject_kind": made[0].removesuffix("_id"), "subject_id": made[1]}
        return replace(self, details={**told, **self.details}, **subject)

    def as_record(self) -> dict[str, Any]:
        """Return the act as the log takes it, with where the request came from."""
        network, index = _place(self.origin)
        return {
            "act_id": self.act_id,
            "account_id": self.actor and self.actor.account_id,
            "session_id": self.actor and self.actor.session_id,
            "side": self.actor.side.value if self.actor else SYSTEM,
            "verb": self.verb,
            "subject_kind": self.subject_kind,
            "subject_id": self.subject_id,
            "whom_id": self.whom_id,
            "network": network,
            "address_index": index,
            "why": self.why,
            "outcome": self.outcome.value,
            "details": dict(self.details),
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with the log, and where."""

    finding: str
    seq: int | None
    act_id: UUID | None
    detail: str


@dataclass(frozen=True, slots=True)
class LogProof:
    """What one look at the whole log found; ``head`` is the chain's last value, worth noting elsewhere."""

    sealed: int
    waiting: int
    head: str | None
    findings: tuple[Finding, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing at all was found."""
        return not self.findings

    def __str__(self) -> str:
        if self.is_sound:
            anchor = f"; anchor {self.sealed}:{self.head}" if self.head else ""
            return f"the audit log is sound: {self.sealed} acts sealed, {self.waiting} waiting{anchor}"
        lines = (f"  {one.finding} seq {one.seq} act {one.act_id}: {one.detail}" for one in self.findings)
        return "\n".join(["the audit log is NOT sound:", *lines])


def came_from(address: str | None) -> None:
    """Say where the request that is being served came from; the door does it."""
    _origin.set(address)


def record(
    tx: "Transaction",
    actor: Actor | None,
    verb: str,
    *,
    subject_kind: str | None = None,
    subject_id: UUID | None = None,
    whom_id: UUID | None = None,
    why: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Leave an act behind when ``tx`` commits; it rides on the closing statement where there is one."""
    tx.leave_act(
        Act(
            verb=verb,
            actor=actor,
            subject_kind=subject_kind,
            subject_id=subject_id,
            whom_id=whom_id,
            why=why,
            details=details or {},
        )
    )


def seal(tx: "Transaction", limit: int = SEAL_BATCH) -> int:
    """Give waiting acts their places in the chain; return how many."""
    return int(tx.execute(_SEAL, {"limit": limit}).scalar_one())


def prove(tx: "Transaction", *, anchor: tuple[int, str] | None = None) -> LogProof:
    """Check the whole log in one snapshot.

    :param anchor: a place and its head as noted earlier, elsewhere: they must still be in the chain.
    """
    counts = tx.execute(_COUNTS).one()
    found = tuple(Finding(**row) for row in tx.execute(_FINDINGS, {"limit": FINDINGS_MAX}).mappings())
    if anchor is not None and tx.execute(_HEAD_AT, {"seq": anchor[0]}).scalar() != anchor[1]:
        found = (*found, Finding("anchor_lost", anchor[0], None, "the head noted for this place is not in the chain"))
    return LogProof(counts.sealed, counts.waiting, counts.head, found)


def _place(address: str | None) -> tuple[str | None, str | None]:
    """Return the network that ``address`` is in, and its keyed digest in hex."""
    known, network = _network(address or "")
    return network, None if known is None else blind_index(known, context=ADDRESS_CONTEXT).hex()


@lru_cache(maxsize=4_096)
def _network(address: str) -> tuple[str | None, str | None]:
    try:
        parsed = ip_address(address)
    except ValueError:
        return None, None
    return str(parsed), str(ip_network((parsed, _PREFIX[parsed.version]), strict=False))
