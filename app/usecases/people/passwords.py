"""Passwords (密码), for who wants one: argon2id, set and removed with a fresh code, never the only way in.

A sign-in by password is charged before it is judged: from a device that is not known, to the counters of codes
(:mod:`app.usecases.people.breaker`) and to one of the phone; from a known one, to one of the device at that phone. So
whoever guesses at a password shuts out neither a known device nor sign-in by code. An unknown phone, and one without a
password, cost the same hash. One hash is computed at a time in a process and one waits, so that the other threads
serve.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import text

from app.core.accounts.errors import PasswordBusy, PasswordRefused, PasswordWeak
from app.core.accounts.models import CodePurpose, SignInFactor
from app.core.accounts.passwords import is_weak, normalize_password
from app.core.notices.models import NoticeKind
from app.kernel.actor import Actor, Side
from app.kernel.sealing import unseal
from app.kernel.transaction import read, transaction
from app.usecases.people import breaker, codes, devices
from app.usecases.people.codes import Asker
from app.usecases.people.notices import tell
from app.usecases.people.phones import PHONE_CONTEXT, normalize_phone, phone_index
from app.usecases.people.sign_in import SignedIn, begin_session

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16)
"""The second profile of OWASP's Password Storage Cheat Sheet: 19 MiB, two passes, one lane."""
_NOBODYS = _HASHER.hash("nobody's password")
"""What is compared for a phone without a password, at the same cost."""
WAIT_S = 1.0

_running, _waiting = threading.BoundedSemaphore(1), threading.BoundedSemaphore(2)

_SET = text(
    """
    INSERT INTO passwords (account_id, digest) VALUES (:account_id, :digest)
    ON CONFLICT (account_id) DO UPDATE SET digest = excluded.digest, set_at = clock_timestamp()
    """
)
_REMOVE = text("DELETE FROM passwords WHERE account_id = :account_id")
_SET_AT = text("SELECT set_at FROM passwords WHERE account_id = :account_id")
_PHONE = text("SELECT phone_sealed FROM accounts WHERE account_id = :account_id")
_FIND = text(
    """
    SELECT a.account_id, a.state, p.digest FROM accounts AS a LEFT JOIN passwords AS p ON p.account_id = a.account_id
    WHERE a.phone_index = :phone_index
    """
)
_STILL = text("SELECT 1 FROM passwords WHERE account_id = :account_id AND digest = :digest FOR SHARE")


def password_set_at(actor: Actor) -> datetime | None:
    """Return since when the asker has the password, or None without one."""
    found: datetime | None = read(_SET_AT, {"account_id": actor.account_id}).scalar()
    return found


def set_password(actor: Actor, *, code: str, password: str) -> None:
    """Set or change the asker's password.

    :raises PasswordWeak: it is common, or holds the phone's digits. :raises CodeWrong: the fresh code is wrong.
    :raises PasswordBusy: too many hashes are waited for.
    """
    phone = unseal(read(_PHONE, {"account_id": actor.account_id}).scalar_one(), context=PHONE_CONTEXT)
    normalized = normalize_password(password)
    if is_weak(normalized, phone=phone):
        raise PasswordWeak(pointer="/password")
    checked = codes.check_own(actor, CodePurpose.SET_PASSWORD, code)
    with _turn():
        digest = _HASHER.hash(normalized)
    with transaction() as tx:
        tx.execute(_SET, {"account_id": actor.account_id, "digest": digest})
        tell(tx, actor.account_id, NoticeKind.PASSWORD_SET)
        codes.consume(tx, checked)


def remove_password(actor: Actor, *, code: str) -> None:
    """Remove the asker's password, if there is one.

    :raises CodeWrong: the fresh code is wrong.
    """
    checked = codes.check_own(actor, CodePurpose.SET_PASSWORD, code)
    with transaction() as tx:
        if tx.execute(_REMOVE, {"account_id": actor.account_id}).rowcount:
            tell(tx, actor.account_id, NoticeKind.PASSWORD_REMOVED)
        codes.consume(tx, checked)


def sign_in_by_password(asker: Asker, *, password: str, side: Side, needs_passkey: bool = False) -> SignedIn:
    """Exchange a password for a session at ``side``. It opens no account.

    :param needs_passkey: as in :func:`app.usecases.people.sign_in.begin_session`.

    :raises SignInPaused: too many failed; the password was not looked at. :raises PasswordBusy: ask again.
    :raises PasswordRefused: no such phone, no password, or another one; which, is not said.
    :raises NoMembership: the person has no part on this side. :raises AccountSuspended: or none at all any more.
    """
    index = phone_index(normalize_phone(asker.phone))
    with transaction() as tx:
        is_known = devices.is_known(tx, phone_index=index, device=asker.device, token=asker.device_token)
        found = tx.execute(_FIND, {"phone_index": index}).one_or_none()
        address = None if is_known else breaker.address_subject(asker.address)
        charges = breaker.charge_password(tx, index, device=asker.device if is_known else None, address=address)
    digest = found.digest if found is not None else None
    if not _matches(digest, password) or found is None:
        raise PasswordRefused
    with transaction() as tx:
        if tx.execute(_STILL, {"account_id": found.account_id, "digest": digest}).first() is None:
            raise PasswordRefused
        proven = devices.is_proven(index, asker.device, asker.device_token)
        begun = begin_session(
            tx,
            found,
            side=side,
            device=asker.device,
            is_proven=proven,
            factor=SignInFactor.PASSWORD,
            needs_passkey=needs_passkey,
        )
        breaker.give_back(tx, charges)
        return replace(begun, device_token=devices.device_token(index, asker.device))


def _matches(digest: str | None, password: str) -> bool:
    """Compare at the same cost whether or not there is a password."""
    with _turn():
        try:
            _HASHER.verify(digest or _NOBODYS, normalize_password(password))
        except (VerificationError, InvalidHashError):
            return False
    return digest is not None


@contextmanager
def _turn() -> Iterator[None]:
    """Wait for one's turn to hash, unless somebody waits already.

    :raises PasswordBusy: somebody does, or it takes too long.
    """
    if not _waiting.acquire(blocking=False):
        raise PasswordBusy
    try:
        if not _running.acquire(timeout=WAIT_S):
            raise PasswordBusy
        try:
            yield
        finally:
            _running.release()
    finally:
        _waiting.release()
