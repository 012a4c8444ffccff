"""Sign-in by phone and code (手机验证码登录): one account per phone, the same answer for known and unknown phones.

A code is six digits, five minutes, bound to phone and device, single use, five tries, stored as a keyed digest. A phone
gets one a minute, five an hour, ten a day, and each device known for it as many again, so that nobody can ask a person
out of codes. Failures are bounded by address and in all (:mod:`app.usecases.people.breaker`). A refresh token is
opaque, rotated by one conditional update; one that is used twice ends its session. All of this is wall time.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import phonenumbers
from sqlalchemy import text

from app.core.accounts.errors import (
    AccountSuspended,
    CodeRefused,
    NoMembership,
    PhoneInvalid,
    RefreshRefused,
    TooManyCodes,
)
from app.core.accounts.models import AccountState
from app.core.notices.ports import TextMessages
from app.kernel.actor import Actor, Side
from app.kernel.ids import new_id
from app.kernel.sealing import blind_index, keyed_digest, seal
from app.kernel.transaction import Transaction, transaction
from app.usecases.people import breaker

CODE_LIFETIME = timedelta(minutes=5)
CODE_TRIES = 5
CODE_DIGITS = 6
REFRESH_LIFETIME = timedelta(days=30)
LIMITS = ((timedelta(minutes=1), 1), (timedelta(hours=1), 5), (timedelta(days=1), 10))
"""How many codes a phone gets in which time."""

PHONE_CONTEXT = "accounts.phone"

_ADVISORY = text("SELECT pg_advisory_xact_lock(hashtextextended(encode(CAST(:phone_index AS bytea), 'hex'), 0))")
_RECENT = text(
    """
    SELECT extract(epoch FROM clock_timestamp() - created_at) AS age_s FROM sign_in_codes
    WHERE phone_index = :phone_index AND created_at > clock_timestamp() - interval '1 day'
      AND (NOT CAST(:is_known AS boolean) OR device = :device)
    ORDER BY created_at DESC LIMIT 10
    """
)
_ADD_CODE = text(
    """
    INSERT INTO sign_in_codes (code_id, phone_index, device, digest, tries_left, expires_at)
    VALUES (:code_id, :phone_index, :device, :digest, :tries_left, clock_timestamp() + :lifetime)
    """
)
_TRY_CODE = text(
    """
    UPDATE sign_in_codes SET tries_left = tries_left - 1
    WHERE code_id = (
        SELECT code_id FROM sign_in_codes
        WHERE phone_index = :phone_index AND device = :device AND consumed_at IS NULL
          AND expires_at > clock_timestamp() AND tries_left > 0
        ORDER BY created_at DESC LIMIT 1
        FOR UPDATE)
    RETURNING code_id, digest
    """
)
_CONSUME = text(
    "UPDATE sign_in_codes SET consumed_at = clock_timestamp() WHERE code_id = :code_id AND consumed_at IS NULL"
)
_ACCOUNT = text(
    """
    WITH made AS (
        INSERT INTO accounts (account_id, phone_sealed, phone_index) VALUES (:account_id, :phone_sealed, :phone_index)
        ON CONFLICT (phone_index) DO NOTHING RETURNING account_id, state
    )
    SELECT account_id, state FROM made
    UNION ALL SELECT account_id, state FROM accounts WHERE phone_index = :phone_index
    LIMIT 1
    """
)
_PART = {
    Side.MERCHANT: "SELECT 1 FROM memberships WHERE account_id = :account_id AND organization_kind = 'merchant'",
    Side.STORE: "SELECT 1 FROM memberships WHERE account_id = :account_id AND organization_kind = 'store'",
    Side.PLATFORM: "SELECT 1 FROM memberships WHERE account_id = :account_id AND organization_kind = 'platform'",
    Side.COURIER: "SELECT 1 FROM couriers WHERE courier_id = :account_id AND state = 'active'",
}
_ADD_SESSION = text(
    "INSERT INTO sessions (session_id, account_id, side, device) VALUES (:session_id, :account_id, :side, :device)"
)
_ADD_REFRESH = text(
    """
    INSERT INTO refresh_tokens (digest, session_id, expires_at)
    VALUES (:digest, :session_id, clock_timestamp() + :lifetime)
    """
)
_ROTATE = text(
    """
    UPDATE refresh_tokens AS r SET rotated_at = clock_timestamp()
    FROM sessions AS s JOIN accounts AS a ON a.account_id = s.account_id
    WHERE r.digest = :digest AND r.rotated_at IS NULL AND r.expires_at > clock_timestamp()
      AND s.session_id = r.session_id AND s.ended_at IS NULL AND s.side = :side AND a.state = 'active'
    RETURNING s.session_id, s.account_id
    """
)
_END_FAMILY = text(
    """
    UPDATE sessions SET ended_at = clock_timestamp()
    WHERE ended_at IS NULL AND session_id = (SELECT session_id FROM refresh_tokens WHERE digest = :digest)
    """
)
_TOUCH = text("UPDATE sessions SET last_used_at = clock_timestamp() WHERE session_id = :session_id")
_END_SESSION = text(
    "UPDATE sessions SET ended_at = clock_timestamp() WHERE session_id = :session_id AND ended_at IS NULL"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A session that just began or went on; the refresh token is shown once."""

    account_id: UUID
    session_id: UUID
    refresh_token: str


def normalize_phone(phone: str) -> str:
    """Return ``phone`` in E.164.

    :raises PhoneInvalid: it is no mainland number that can receive a text message.
    """
    try:
        parsed = phonenumbers.parse(phone, "CN")
    except phonenumbers.NumberParseException:
        raise PhoneInvalid(pointer="/phone") from None
    is_mobile = phonenumbers.number_type(parsed) == phonenumbers.PhoneNumberType.MOBILE
    if parsed.country_code != 86 or not is_mobile or not phonenumbers.is_valid_number(parsed):  # noqa: PLR2004 - China
        raise PhoneInvalid(pointer="/phone")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def request_code(messages: TextMessages, *, phone: str, device: str) -> None:
    """Send a sign-in code. The answer does not tell whether the phone has an account.

    :raises TooManyCodes: the phone was sent enough for now; parameter ``retry_after_s``.
    """
    number = normalize_phone(phone)
    index = blind_index(number, context=PHONE_CONTEXT)
    code = str(secrets.randbelow(10**CODE_DIGITS)).zfill(CODE_DIGITS)
    with transaction() as tx:
        tx.execute(_ADVISORY, {"phone_index": index})
        known = breaker.is_known(tx, phone_index=index, device=device)
        recent = tx.execute(_RECENT, {"phone_index": index, "device": device, "is_known": known})
        _refuse_flood([row.age_s for row in recent])
        tx.execute(
            _ADD_CODE,
            {
                "code_id": new_id(),
                "phone_index": index,
                "device": device,
                "digest": keyed_digest(code, context=f"sign_in:{index.hex()}:{device}"),
                "tries_left": CODE_TRIES,
                "lifetime": CODE_LIFETIME,
            },
        )
    messages.send_code(phone=number, code=code)


def _refuse_flood(ages_s: list[float]) -> None:
    for window, most in LIMITS:
        inside = [age for age in ages_s if age < window.total_seconds()]
        if len(inside) >= most:
            raise TooManyCodes(retry_after_s=int(window.total_seconds() - float(inside[most - 1])) + 1)


def sign_in(*, phone: str, code: str, device: str, side: Side, address: str | None = None) -> SignedIn:
    """Exchange a code for a session at ``side``; a resident's first sign-in opens the account.

    :param address: where the request comes from; its failures are counted, unless the phone knows the device.
    :raises SignInPaused: too many sign-ins failed; whether the code is right was not looked at.
    :raises CodeRefused: the code is wrong, used, expired, tried too often or for another device.
    :raises NoMembership: the person has no part on this side. :raises AccountSuspended: or none at all any more.
    """
    number = normalize_phone(phone)
    index = blind_index(number, context=PHONE_CONTEXT)
    with transaction() as tx:
        tried = tx.execute(_TRY_CODE, {"phone_index": index, "device": device}).one_or_none()
        known = breaker.is_known(tx, phone_index=index, device=device)
        charges = () if known else breaker.charge(tx, address)
    digest = keyed_digest(code, context=f"sign_in:{index.hex()}:{device}")
    stored = bytes(tried.digest) if tried is not None else bytes(len(digest))
    if not hmac.compare_digest(stored, digest) or tried is None:
        raise CodeRefused
    with transaction() as tx:
        if tx.execute(_CONSUME, {"code_id": tried.code_id}).rowcount != 1:
            raise CodeRefused
        account = tx.execute(
            _ACCOUNT,
            {"account_id": new_id(), "phone_sealed": seal(number, context=PHONE_CONTEXT), "phone_index": index},
        ).one()
        if account.state != AccountState.ACTIVE:
            raise AccountSuspended
        part = _PART.get(side)
        if part is not None and tx.execute(text(part), {"account_id": account.account_id}).first() is None:
            raise NoMembership
        session_id = new_id()
        tx.execute(
            _ADD_SESSION,
            {"session_id": session_id, "account_id": account.account_id, "side": side.value, "device": device},
        )
        refresh_token = _add_refresh(tx, session_id)
        breaker.give_back(tx, charges)
        return SignedIn(account_id=account.account_id, session_id=session_id, refresh_token=refresh_token)


def refresh(*, refresh_token: str, side: Side) -> SignedIn:
    """Go on with a session: the token is used up and a new one given. Of parallel uses, one wins.

    :raises RefreshRefused: unknown, expired, or used before; in that case the whole session ends.
    """
    digest = hashlib.sha256(refresh_token.encode()).digest()
    with transaction() as tx:
        row = tx.execute(_ROTATE, {"digest": digest, "side": side.value}).one_or_none()
        if row is not None:
            tx.execute(_TOUCH, {"session_id": row.session_id})
            return SignedIn(
                account_id=row.account_id, session_id=row.session_id, refresh_token=_add_refresh(tx, row.session_id)
            )
    with transaction() as tx:
        tx.execute(_END_FAMILY, {"digest": digest})
    raise RefreshRefused


def sign_out(actor: Actor) -> None:
    """End the session that the asker's token belongs to."""
    with transaction() as tx:
        tx.execute(_END_SESSION, {"session_id": actor.session_id})


def _add_refresh(tx: Transaction, session_id: UUID) -> str:
    token = secrets.token_urlsafe(32)
    digest = hashlib.sha256(token.encode()).digest()
    tx.execute(_ADD_REFRESH, {"digest": digest, "session_id": session_id, "lifetime": REFRESH_LIFETIME})
    return token
