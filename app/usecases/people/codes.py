"""One-time codes by text message (验证码): six digits, five minutes, single use, five tries, kept as a keyed digest.

A code is bound to phone, purpose and device. A phone gets one a minute, five an hour, ten a day, whatever for; a
device that is known for it has as many again of its own, which nobody else can use up, and whose codes nobody else can
try. From devices that are not known, an address has a bound of codes asked for and not used, and so has each device of
it (:mod:`app.usecases.people.breaker`). All of this is wall time.

A use case that wants a fresh code of whoever asks::

    checked = codes.check_own(actor, CodePurpose.RESET_PIN, code)
    with transaction() as tx:
        codes.consume(tx, checked)
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from app.core.accounts.errors import CodeRefused, CodeWrong, TooManyCodes
from app.core.accounts.models import CodePurpose
from app.core.notices.ports import TextMessages
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.sealing import keyed_digest, unseal
from app.kernel.transaction import Transaction, read, transaction
from app.usecases.people import breaker, devices
from app.usecases.people.phones import PHONE_CONTEXT, normalize_phone, phone_index

LIFETIME = timedelta(minutes=5)
TRIES = 5
DIGITS = 6
LIMITS = ((timedelta(minutes=1), 1), (timedelta(hours=1), 5), (timedelta(days=1), 10))
"""How many codes a phone gets in which time."""

_ADVISORY = text("SELECT pg_advisory_xact_lock(hashtextextended(encode(CAST(:phone_index AS bytea), 'hex'), 0))")
_RECENT = text(
    """
    SELECT extract(epoch FROM clock_timestamp() - created_at) AS age_s FROM sign_in_codes
    WHERE phone_index = :phone_index AND created_at > clock_timestamp() - interval '1 day'
      AND (NOT CAST(:is_known AS boolean) OR device = :device AND is_known)
    ORDER BY created_at DESC LIMIT 10
    """
)
_ADD = text(
    """
    INSERT INTO sign_in_codes (code_id, phone_index, purpose, device, is_known, digest, tries_left, expires_at,
        address_index, charged_at)
    VALUES (:code_id, :phone_index, :purpose, :device, :is_known, :digest, :tries_left,
        clock_timestamp() + :lifetime, :address_index, :charged_at)
    """
)
_TRY = text(
    """
    UPDATE sign_in_codes SET tries_left = tries_left - 1
    WHERE code_id = (
        SELECT code_id FROM sign_in_codes
        WHERE phone_index = :phone_index AND purpose = :purpose AND device = :device
          AND (CAST(:is_known AS boolean) OR NOT is_known)
          AND consumed_at IS NULL AND expires_at > clock_timestamp() AND tries_left > 0
        ORDER BY created_at DESC LIMIT 1
        FOR UPDATE)
    RETURNING code_id, digest, device, address_index, charged_at
    """
)
_CONSUME = text(
    "UPDATE sign_in_codes SET consumed_at = clock_timestamp() WHERE code_id = :code_id AND consumed_at IS NULL"
)
_OWN = text(
    """
    SELECT a.phone_sealed, a.phone_index, s.device FROM sessions AS s JOIN accounts AS a ON a.account_id = s.account_id
    WHERE s.session_id = :session_id AND a.account_id = :account_id
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks for a code or tries one, without being signed in.

    :param device: the name that the app keeps. :param device_token: what its last sign-in gave, if there was one.
    :param address: where the request comes from.
    """

    phone: str
    device: str
    device_token: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """A code that was right. It is used up by :func:`consume`, in the transaction of what it was needed for."""

    code_id: UUID
    charges: tuple[breaker.Charge, ...]
    """What was charged in advance to those who asked and tried; given back when the code is used."""
    is_own: bool = False


@dataclass(frozen=True, slots=True)
class _Binding:
    phone_index: bytes
    purpose: CodePurpose
    device: str

    @property
    def params(self) -> dict[str, object]:
        return {"phone_index": self.phone_index, "purpose": self.purpose.value, "device": self.device}

    def digest(self, code: str) -> bytes:
        return keyed_digest(code, context=f"code:{self.purpose}:{self.phone_index.hex()}:{self.device}")


def send(messages: TextMessages, asker: Asker, purpose: CodePurpose) -> None:
    """Send a code to a phone. The answer, and the work, do not tell whether the phone has an account.

    :raises TooManyCodes: the phone, the device or the address was given enough for now; parameter ``retry_after_s``.
    """
    number = normalize_phone(asker.phone)
    bound = _Binding(phone_index(number), purpose, asker.device)
    with transaction() as tx:
        tx.execute(_ADVISORY, {"phone_index": bound.phone_index})
        is_known = devices.is_known(tx, phone_index=bound.phone_index, device=asker.device, token=asker.device_token)
        address = None if is_known else breaker.address_subject(asker.address)
        code = _make(tx, bound, is_known=is_known, address=address)
    messages.send_code(phone=number, code=code)


def send_own(messages: TextMessages, actor: Actor, purpose: CodePurpose) -> None:
    """Send a code to the phone of whoever is signed in, for the device of that session.

    :raises TooManyCodes: the device was given enough for now; parameter ``retry_after_s``.
    """
    number, bound = _own(actor, purpose)
    with transaction() as tx:
        tx.execute(_ADVISORY, {"phone_index": bound.phone_index})
        code = _make(tx, bound, is_known=True, address=None)
    messages.send_code(phone=number, code=code)


def check(asker: Asker, purpose: CodePurpose, code: str) -> Checked:
    """Use up a try and compare. The try is gone, whatever becomes of the caller's transaction.

    :raises SignInPaused: too many failed; whether the code is right was not looked at.
    :raises CodeRefused: it is wrong, used, expired, tried too often, for another device or for something else.
    """
    bound = _Binding(phone_index(normalize_phone(asker.phone)), purpose, asker.device)
    with transaction() as tx:
        is_known = devices.is_known(tx, phone_index=bound.phone_index, device=asker.device, token=asker.device_token)
        tried = tx.execute(_TRY, {**bound.params, "is_known": is_known}).one_or_none()
        charges = () if is_known else breaker.charge_failure(tx, asker.address)
    digest = bound.digest(code)
    stored = bytes(tried.digest) if tried is not None else bytes(len(digest))
    if not hmac.compare_digest(stored, digest) or tried is None:
        raise CodeRefused
    asked = breaker.asked(tried.address_index, tried.device, tried.charged_at)
    return Checked(tried.code_id, (*charges, *asked))


def check_own(actor: Actor, purpose: CodePurpose, code: str) -> Checked:
    """Use up a try of whoever is signed in, and compare, as :func:`check` does. It is not charged to any address.

    :raises CodeWrong: it is wrong, used, expired, tried too often, for another device or for something else.
    """
    _, bound = _own(actor, purpose)
    with transaction() as tx:
        tried = tx.execute(_TRY, {**bound.params, "is_known": True}).one_or_none()
    if tried is None or not hmac.compare_digest(bytes(tried.digest), bound.digest(code)):
        raise CodeWrong(pointer="/code")
    return Checked(tried.code_id, (), is_own=True)


def consume(tx: Transaction, checked: Checked) -> None:
    """Use a code up, once, and give back what was charged for it. The last thing in its transaction: it locks counters.

    :raises CodeRefused: somebody else just did. :raises CodeWrong: the same, of one's own code.
    """
    if tx.execute(_CONSUME, {"code_id": checked.code_id}).rowcount != 1:
        raise CodeWrong(pointer="/code") if checked.is_own else CodeRefused
    breaker.give_back(tx, checked.charges)


def _own(actor: Actor, purpose: CodePurpose) -> tuple[str, _Binding]:
    row = read(_OWN, {"session_id": actor.session_id, "account_id": actor.account_id}).one()
    number = unseal(row.phone_sealed, context=PHONE_CONTEXT)
    return number, _Binding(bytes(row.phone_index), purpose, row.device)


def _make(tx: Transaction, bound: _Binding, *, is_known: bool, address: bytes | None) -> str:
    """Keep a new code and return it.

    :param address: whom to charge for it; None charges nobody.
    """
    _refuse_flood([float(row.age_s) for row in tx.execute(_RECENT, {**bound.params, "is_known": is_known})])
    charged_at: datetime | None = None
    if address is not None:
        charged_at = breaker.charge_ask(tx, address, bound.device)
    code = str(secrets.randbelow(10**DIGITS)).zfill(DIGITS)
    added = {
        **bound.params,
        "code_id": new_id(),
        "is_known": is_known,
        "digest": bound.digest(code),
        "tries_left": TRIES,
        "lifetime": LIFETIME,
        "address_index": address,
        "charged_at": charged_at,
    }
    tx.execute(_ADD, added)
    return code


def _refuse_flood(ages_s: list[float]) -> None:
    for window, most in LIMITS:
        inside = [age for age in ages_s if age < window.total_seconds()]
        if len(inside) >= most:
            raise TooManyCodes(retry_after_s=int(window.total_seconds() - inside[most - 1]) + 1)
