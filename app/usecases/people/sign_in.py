"""Sign-in by phone and code (手机验证码登录): one account per phone, the same answer for known and unknown phones.

Codes and their bounds are in :mod:`app.usecases.people.codes`, those of failures in
:mod:`app.usecases.people.breaker`. A refresh token is opaque, rotated by one conditional update; one that is used twice
ends its session. All of this is wall time.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from app.core.accounts.errors import AccountSuspended, NoMembership, RefreshRefused
from app.core.accounts.models import AccountState, CodePurpose, SignInFactor
from app.core.notices.models import NoticeKind
from app.core.passkeys.errors import PasskeyNeeded
from app.kernel.actor import Actor, Side
from app.kernel.ids import new_id
from app.kernel.sealing import seal
from app.kernel.transaction import Transaction, transaction
from app.kernel.wire import Row
from app.usecases.people import codes
from app.usecases.people.codes import Asker
from app.usecases.people.devices import COOLING_UNTIL, device_token, is_proven
from app.usecases.people.notices import tell
from app.usecases.people.phones import PHONE_CONTEXT, normalize_phone, phone_index
from app.usecases.privacy.consents import Agreement, agree

REFRESH_LIFETIME = timedelta(days=30)

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
    f"""
    INSERT INTO sessions (session_id, account_id, side, device, factor, cooling_until)
    VALUES (:session_id, :account_id, :side, :device, :factor, ({COOLING_UNTIL}))
    RETURNING cooling_until
    """
)
_HAS_PASSKEY = text("SELECT 1 FROM passkeys WHERE account_id = :account_id LIMIT 1")
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
    """A session that just began or went on; the refresh token is shown once.

    :param device_token: what proves the device the next time, of a session that just began.
    """

    account_id: UUID
    session_id: UUID
    refresh_token: str
    device_token: str = ""


def sign_in(
    asker: Asker, *, code: str, side: Side, needs_passkey: bool = False, agreements: Sequence[Agreement] = ()
) -> SignedIn:
    """Exchange a code for a session at ``side``; a resident's first sign-in opens the account.

    :param needs_passkey: as in :func:`begin_session`. :param agreements: what the person agrees to along with it.

    :raises SignInPaused: too many sign-ins failed; whether the code is right was not looked at.
    :raises CodeRefused: the code is wrong, used, expired, tried too often or for another device.
    :raises NoMembership: the person has no part on this side. :raises AccountSuspended: or none at all any more.
    :raises ConsentVersionOld: the person agrees to a text that is not in force.
    """
    checked = codes.check(asker, CodePurpose.SIGN_IN, code)
    number = normalize_phone(asker.phone)
    index = phone_index(number)
    with transaction() as tx:
        account = tx.execute(
            _ACCOUNT,
            {"account_id": new_id(), "phone_sealed": seal(number, context=PHONE_CONTEXT), "phone_index": index},
        ).one()
        begun = begin_session(
            tx,
            account,
            side=side,
            device=asker.device,
            is_proven=is_proven(index, asker.device, asker.device_token),
            needs_passkey=needs_passkey,
        )
        agree(tx, account.account_id, agreements)
        codes.consume(tx, checked)
        return replace(begun, device_token=device_token(index, asker.device))


def begin_session(
    tx: Transaction,
    account: Row,
    *,
    side: Side,
    device: str,
    is_proven: bool,
    factor: SignInFactor = SignInFactor.CODE,
    needs_passkey: bool = False,
) -> SignedIn:
    """Begin a session of ``account``, which has proven itself: its ``account_id`` and ``state``.

    :param is_proven: the device has signed in for this phone before, by its token. :param factor: what proved it.
    :param needs_passkey: whoever has a passkey signs in with it. Who has none may come in another way, and
        :func:`app.usecases.people.standing.stand` lets such a session do nothing but add one.
    :raises PasskeyNeeded: there is a passkey, and this was not it.
    :raises NoMembership: the person has no part on this side. :raises AccountSuspended: or none at all any more.
    """
    if account.state != AccountState.ACTIVE:
        raise AccountSuspended
    part = _PART.get(side)
    if part is not None and tx.execute(text(part), {"account_id": account.account_id}).first() is None:
        raise NoMembership
    is_other = needs_passkey and factor is not SignInFactor.PASSKEY
    if is_other and tx.execute(_HAS_PASSKEY, {"account_id": account.account_id}).first() is not None:
        raise PasskeyNeeded
    session_id = new_id()
    cooling_until = tx.execute(
        _ADD_SESSION,
        {
            "session_id": session_id,
            "account_id": account.account_id,
            "side": side.value,
            "device": device,
            "factor": factor.value,
            "is_proven": is_proven,
        },
    ).scalar_one()
    if cooling_until is not None and not is_proven:
        tell(tx, account.account_id, NoticeKind.NEW_DEVICE)
    refresh_token = _add_refresh(tx, session_id)
    return SignedIn(account_id=account.account_id, session_id=session_id, refresh_token=refresh_token)


def refresh(*, refresh_token: str, side: Side) -> SignedIn:
    """Go on with a session: the token is used up and a new one given.

    Of parallel uses one is answered, and the others end the session, as a thief's would.

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
