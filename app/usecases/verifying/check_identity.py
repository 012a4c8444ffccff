"""Levels I and II: name and ID number are checked by one or by three outside parties (实名核验).

The questions stand in our table before the first is asked; between question and answer there is no transaction. An
answer that does not come leaves the check *unknown*: the worker asks again under the same key.

All parties of a level are asked about one name and one number: what one said of another name counts for nothing. An
account is checked so often a day and no more, whatever comes of it: a check costs, and tells who has which number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.events import IdentityCheckRequested, VerificationRaised
from app.core.verification.errors import (
    AlreadyVerified,
    IdentityDiffers,
    IdentityTaken,
    NotAdult,
    TooManyIdentityChecks,
)
from app.core.verification.id_numbers import ADULT_YEARS, IdNumber
from app.core.verification.levels import Level
from app.core.verification.models import CheckState
from app.core.verification.ports import CHANNELS_OF_LEVEL, Channel, CheckerUnavailable, CheckerUnknown, IdentityChecker
from app.kernel.actor import Actor
from app.kernel.clock import SHANGHAI
from app.kernel.ids import new_id
from app.kernel.sealing import blind_index, seal, unseal
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction

TRIES_MAX = 10
"""How often an account is checked on a day."""
NAME_CONTEXT, NUMBER_CONTEXT = "identities.name", "identities.number"

_LOCK_ACCOUNT = opening(
    """
    SELECT a.verification_level, business_now() AS now, i.number_index AS own_index, i.name_sealed AS own_name,
        EXISTS (SELECT 1 FROM identities AS o WHERE o.number_index = :number_index
                AND o.account_id <> a.account_id) AS is_taken
    FROM accounts AS a LEFT JOIN identities AS i ON i.account_id = a.account_id
    WHERE a.account_id = :account_id FOR UPDATE OF a
    """
)
_REQUEST = closing(
    """
    stale AS (
        DELETE FROM identity_checks
        WHERE account_id = :account_id AND NOT check_id = ANY (CAST(:kept_ids AS uuid[]))
        RETURNING check_id
    ),
    tried AS (
        INSERT INTO identity_tries AS t (account_id, day, tries) VALUES (:account_id, :day, 1)
        ON CONFLICT (account_id, day) DO UPDATE SET tries = t.tries + 1 WHERE t.tries < :tries_max
        RETURNING tries
    ),
    made AS (
        INSERT INTO identity_checks (check_id, account_id, level, channel, state, name_sealed, number_sealed,
            number_index, requested_at)
        SELECT c.check_id, :account_id, :level, c.channel, 'requested', :name_sealed, :number_sealed, :number_index,
            business_now()
        FROM unnest(CAST(:check_ids AS uuid[]), CAST(:channels AS text[])) AS c (check_id, channel)
    )""",
    answer="SELECT count(*) FROM tried",
)
_PASSED = text(
    """
    SELECT check_id, channel, name_sealed FROM identity_checks
    WHERE account_id = :account_id AND state = 'passed' AND number_index = :number_index
    """
)
_READ = text(
    """
    SELECT check_id, account_id, level, channel, state, name_sealed, number_sealed, number_index FROM identity_checks
    WHERE check_id = :check_id AND state IN ('requested', 'unknown')
    """
)
_WAITING = text(
    """
    SELECT check_id FROM identity_checks WHERE account_id = :account_id AND state IN ('requested', 'unknown')
    ORDER BY check_id
    """
)
_LOCK = text("SELECT verification_level FROM accounts WHERE account_id = :account_id FOR UPDATE")
_ANSWER = text(
    """
    UPDATE identity_checks SET state = :state,
        answered_at = CASE WHEN :state = 'unknown' THEN NULL ELSE business_now() END
    WHERE check_id = :check_id AND state IN ('requested', 'unknown')
    """
)
_KNOW = text(
    """
    INSERT INTO identities (account_id, name_sealed, number_sealed, number_index, verified_at)
    VALUES (:account_id, :name_sealed, :number_sealed, :number_index, business_now())
    ON CONFLICT DO NOTHING
    """
)
_CARRY_ON = text(
    """
    INSERT INTO limit_counters AS c (account_id, period, used_fen)
    SELECT CAST(:account_id AS uuid), l.period, max(l.used_fen)
    FROM former_identities AS f JOIN limit_counters AS l ON l.account_id = f.account_id
    WHERE f.number_index = :number_index GROUP BY l.period
    ON CONFLICT (account_id, period) DO UPDATE SET used_fen = c.used_fen + excluded.used_fen
    """
)
_IS_KNOWN = text("SELECT 1 FROM identities WHERE account_id = :account_id AND number_index = :number_index")
RAISE_LEVEL = text(
    """
    UPDATE accounts SET verification_level = :level WHERE account_id = :account_id AND verification_level < :level
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequested:
    """What asking for a verification answers."""

    account_id: UUID
    level: int


def request_check(actor: Actor, claim: Claim, *, name: str, id_number: str, level: int) -> CheckRequested:
    """Ask for level I or II. The questions are asked when this is committed, by :func:`ask_waiting`.

    Channels that passed the same name and number before are not asked again.

    :raises IdNumberInvalid, NotAdult: of the number itself.
    :raises AlreadyVerified, IdentityDiffers, IdentityTaken: of the account and of others.
    :raises TooManyIdentityChecks: not today any more.
    """
    index = blind_index(id_number.strip().upper(), context=NUMBER_CONTEXT)
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_ACCOUNT, {"account_id": actor.account_id, "number_index": index})
        assert row is not None, "who has a token has an account"
        number = _adult(id_number, row.now)
        if row.verification_level >= level:
            raise AlreadyVerified(level=row.verification_level)
        if row.own_index is not None and not (bytes(row.own_index) == index and _is_name(row.own_name, name)):
            raise IdentityDiffers
        if row.is_taken:
            raise IdentityTaken(pointer="/id_number")
        own = {"account_id": actor.account_id, "number_index": index}
        passed = _passed(tx, own, name)
        channels = [channel for channel in CHANNELS_OF_LEVEL[level] if channel not in passed]
        checks = [(new_id(), channel) for channel in channels]
        for check_id, _ in checks:
            tx.record(IdentityCheckRequested(check_id=check_id, account_id=actor.account_id))
        requested = CheckRequested(account_id=actor.account_id, level=level)
        tx.keep(requested)
        tried = tx.close(
            _REQUEST,
            {
                **own,
                "level": level,
                "name_sealed": seal(name, context=NAME_CONTEXT),
                "number_sealed": seal(number.text, context=NUMBER_CONTEXT),
                "check_ids": [check_id for check_id, _ in checks],
                "channels": [channel.value for _, channel in checks],
                "kept_ids": list(passed.values()),
                "day": row.now.astimezone(SHANGHAI).date(),
                "tries_max": TRIES_MAX,
            },
        ).scalar_one()
        if not tried:
            raise TooManyIdentityChecks(retry_after_s=_until_tomorrow_s(row.now))
    return requested


def _passed(tx: Transaction, own: Mapping[str, object], name: str) -> dict[Channel, UUID]:
    """Return the channels that passed the account's number with this very name, and by which check."""
    found = tx.execute(_PASSED, own)
    return {Channel(row.channel): row.check_id for row in found if _is_name(row.name_sealed, name)}


def _is_name(sealed: str, name: str) -> bool:
    return unseal(sealed, context=NAME_CONTEXT) == name


def _until_tomorrow_s(now: datetime) -> int:
    local = now.astimezone(SHANGHAI)
    midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return int((midnight - local).total_seconds()) + 1


def _adult(id_number: str, now: datetime) -> IdNumber:
    today = now.astimezone(SHANGHAI).date()
    number = IdNumber.read(id_number, today=today)
    if not number.is_adult(today):
        raise NotAdult(age_min=ADULT_YEARS)
    return number


def ask_waiting(checker: IdentityChecker, account_id: UUID) -> None:
    """Ask every question of an account that has no answer yet; what does not answer is left to the worker."""
    with transaction() as tx:
        waiting = [row.check_id for row in tx.execute(_WAITING, {"account_id": account_id})]
    for check_id in waiting:
        try:
            ask_check(checker, check_id)
        except CheckerUnavailable:
            continue


def ask_check(checker: IdentityChecker, check_id: UUID) -> None:
    """Ask one question and write its answer down; one that has its answer is not asked again.

    :raises CheckerUnavailable: there is no answer yet; ask again later.
    """
    with transaction() as tx:
        row = tx.execute(_READ, {"check_id": check_id}).one_or_none()
    if row is None:
        return
    try:
        outcome = checker.check(
            Channel(row.channel),
            key=str(check_id),
            name=unseal(row.name_sealed, context=NAME_CONTEXT),
            id_number=unseal(row.number_sealed, context=NUMBER_CONTEXT),
        )
    except CheckerUnknown:
        with transaction() as tx:
            tx.execute(_ANSWER, {"check_id": check_id, "state": CheckState.UNKNOWN.value})
        raise
    with transaction() as tx:
        held = tx.execute(_LOCK, {"account_id": row.account_id}).one()
        answered = tx.execute(_ANSWER, {"check_id": check_id, "state": CheckState(outcome.value).value})
        if answered.rowcount == 1:
            _raise(tx, row, held.verification_level)


def _raise(tx: Transaction, row: Any, held: int) -> None:
    """Raise the account to the level that its passed checks carry, under the account's lock."""
    own = {"account_id": row.account_id, "number_index": row.number_index}
    passed = _passed(tx, own, unseal(row.name_sealed, context=NAME_CONTEXT))
    if not passed.keys() >= set(CHANNELS_OF_LEVEL[row.level]) or held >= row.level:
        return
    known = tx.execute(_KNOW, {**own, "name_sealed": row.name_sealed, "number_sealed": row.number_sealed})
    if known.rowcount == 1:
        tx.execute(_CARRY_ON, own)  # caps are a person's: who was erased and comes back goes on where they stood
    if tx.execute(_IS_KNOWN, own).first() is None:
        return  # another account was verified for the number in the meantime; this one stays as it is
    raise_level(tx, row.account_id, Level(row.level))


def raise_level(tx: Transaction, account_id: UUID, level: Level, store_id: UUID | None = None) -> None:
    """Write the level, which only rises, and tell the resident's side."""
    tx.execute(RAISE_LEVEL, {"account_id": account_id, "level": int(level)})
    tx.record(VerificationRaised(account_id=account_id, state=str(int(level)), store_id=store_id))
