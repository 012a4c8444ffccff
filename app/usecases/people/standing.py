"""Standing (在场资格): whether the session still lives, the account is in order, and a role holds the verb. One read.

A removed role, an ended session or a suspended account counts with the very next request. What the role is good for,
which shop or store, is decided once more by the statement that fetches the row, which joins the membership.

A crowd is looked up by one statement (:class:`~app.kernel.batching.Batcher`): nobody's look-up is older than their
request, and of two hundred who want one trip most are refused after nothing else.
"""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import text

from app.core.accounts.errors import AccountSuspended, NoMembership, NotPermitted, SessionEnded
from app.core.accounts.models import AccountState, SignInFactor
from app.core.accounts.permissions import ORGANIZATION_OF, PARTS, Part, holders, is_immediate, may
from app.core.delivery.errors import CourierSuspended
from app.core.passkeys.errors import PasskeyNeeded
from app.core.passkeys.rules import WITHOUT_PASSKEY
from app.core.privacy.models import NEEDS_AGREEMENT
from app.kernel.actor import Actor, Side
from app.kernel.batching import Batcher
from app.kernel.transaction import crowded, read
from app.kernel.wire import Row
from app.usecases.privacy.consents import HAS_AGREED, consent_needed, versions_in_force

ACTIVE_COURIER = "active"
BATCH_MAX = 100
"""Most who are looked up by one statement."""

_STANDING = """
    SELECT a.state, s.factor, s.session_id IS NOT NULL AND s.ended_at IS NULL AS is_live,
        ARRAY(SELECT DISTINCT m.role FROM memberships AS m
              WHERE m.account_id = a.account_id AND m.organization_kind = {organization_kind}) AS roles,
        CASE WHEN {is_courier} THEN (SELECT c.state FROM couriers AS c WHERE c.courier_id = a.account_id) END
            AS courier_state,
        CASE WHEN {asks_agreement} THEN {has_agreed} ELSE true END AS has_agreed
    FROM accounts AS a
    LEFT JOIN sessions AS s ON s.session_id = {session_id} AND s.account_id = a.account_id AND s.side = {side}
    WHERE a.account_id = {account_id}
    """
_ASKED = {
    "account_id": "uuid",
    "session_id": "uuid",
    "side": "text",
    "organization_kind": "text",
    "is_courier": "boolean",
    "asks_agreement": "boolean",
}
_HAS_AGREED = HAS_AGREED.replace(":account_id", "a.account_id")
_OF_ONE = crowded(text(_STANDING.format(has_agreed=_HAS_AGREED, **{name: f":{name}" for name in _ASKED})))
_OF_MANY = crowded(
    text(
        f"""
    SELECT found.* FROM unnest({", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _ASKED.items())})
        WITH ORDINALITY AS w ({", ".join(_ASKED)}, place)
    LEFT JOIN LATERAL (
        {_STANDING.format(has_agreed=_HAS_AGREED, **{name: f"w.{name}" for name in _ASKED})} OFFSET 0
    ) AS found ON true
    ORDER BY w.place
    """
    )
)


def stand(actor: Actor, verb: str, *, needs_passkey: bool = False) -> Actor:
    """Return the actor with the roles that hold ``verb``.

    :param needs_passkey: a session that did not begin with a passkey may add one, and nothing else.

    :raises SessionEnded: the session was ended, or the account is gone.
    :raises AccountSuspended: the account is suspended, and the verb is none of those that are left to it.
    :raises NoMembership: the person has no part on this side any more.
    :raises NotPermitted: none of the person's roles holds the verb.
    :raises ConsentNeeded: the verb begins something new, and terms or privacy policy in force are not agreed to.
    :raises PasskeyNeeded: the session did not begin with the passkey that it needs.
    """
    if is_immediate(actor.side, verb):
        _refuse(actor, verb, needs_passkey=needs_passkey)
    return replace(actor, roles=tuple(sorted(part.value for part in holders(actor.side, verb))))


def presume(actor: Actor, verb: str, *, needs_passkey: bool = False) -> Actor | None:
    """Return the actor as :func:`stand` would, for a use case whose own opening reads whether they are in standing.

    A resident's opening reads :data:`IN_STANDING`. Of a courier it is enough that the session lives, where the verb is
    held in whatever part one comes. None when the table has to be asked: for all others, and for verbs that not
    everybody holds.
    """
    if actor.side is Side.USER and may(actor.side, verb, frozenset({Part.RESIDENT})):
        return replace(actor, roles=(Part.RESIDENT.value,))
    if actor.side is Side.COURIER and not needs_passkey and holders(actor.side, verb) == frozenset(PARTS[actor.side]):
        return replace(actor, roles=tuple(sorted(part.value for part in PARTS[actor.side])))
    return None


def _refuse(actor: Actor, verb: str, *, needs_passkey: bool) -> None:
    kind = ORGANIZATION_OF.get(actor.side)
    row = _ASKERS.ask(
        {
            "account_id": actor.account_id,
            "session_id": actor.session_id,
            "side": actor.side.value,
            "organization_kind": "" if kind is None else kind.value,
            "is_courier": actor.side is Side.COURIER,
            "asks_agreement": actor.side is Side.USER and verb in NEEDS_AGREEMENT,
        }
    )
    if not row.is_live:
        raise SessionEnded
    parts = _parts(actor.side, row)
    if not parts:
        raise NoMembership
    if row.state != AccountState.ACTIVE and (parts != {Part.SUSPENDED} or not may(actor.side, verb, parts)):
        raise AccountSuspended
    if not may(actor.side, verb, parts):
        raise CourierSuspended if parts == {Part.SUSPENDED} else NotPermitted
    if needs_passkey and row.factor != SignInFactor.PASSKEY and verb not in WITHOUT_PASSKEY:
        raise PasskeyNeeded
    if not row.has_agreed:
        raise consent_needed()


def _parts(side: Side, row: Row) -> frozenset[Part]:
    """Return in what parts somebody comes: the roles of their memberships, or what they are by themselves."""
    is_suspended = row.state != AccountState.ACTIVE
    if side is Side.USER:
        return frozenset({Part.SUSPENDED if is_suspended else Part.RESIDENT})
    if side is Side.COURIER:
        if row.courier_state is None:
            return frozenset()
        return frozenset({Part.SUSPENDED if is_suspended or row.courier_state != ACTIVE_COURIER else Part.COURIER})
    return frozenset(Part(role) for role in row.roles)


def _look_up(asker: dict[str, object]) -> Row:
    row = read(_OF_ONE, {**asker, **versions_in_force()}).one_or_none()
    if row is None:
        raise SessionEnded
    return row


def _look_up_many(askers: Sequence[dict[str, object]]) -> Sequence[Row]:
    asked: dict[str, object] = {name: [asker[name] for asker in askers] for name in _ASKED}
    return read(_OF_MANY, {**asked, **versions_in_force()}).fetchall()


_ASKERS: Batcher[dict[str, object], Row] = Batcher(_look_up_many, alone=_look_up, most=BATCH_MAX)
