"""The breaker of sign-in (登录熔断): failures are counted by address and in all, unused codes by address and device.

Five tries a code and ten codes a day bound the guesses at one phone, but not one guess at each of many. So every try
from a device that is not known for its phone is charged as a failure before it is judged, by one conditional update a
counter, and given back when it succeeds. Where a counter is full nothing is judged: whoever guesses learns nothing,
however many guess at once. A code that is asked for is charged in the same way to the address and to the device at it,
and given back when it is used: whoever has codes sent to phones of others comes to an end soon. A device that the
phone has signed in from before is not charged and never paused.

Wall time, in fixed stretches. Lock order: the code, then the counters in the order of :class:`FailureScope`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network

from sqlalchemy import text

from app.core.accounts.errors import SignInPaused, TooManyCodes
from app.core.accounts.models import FailureScope
from app.kernel.errors import Throttled
from app.kernel.sealing import blind_index
from app.kernel.transaction import Transaction

_HOUR = timedelta(hours=1)

LIMITS = {
    FailureScope.ADDRESS: (_HOUR, 50),
    FailureScope.ALL: (timedelta(minutes=10), 300),
    FailureScope.CODE_ADDRESS: (_HOUR, 120),
    FailureScope.CODE_DEVICE: (_HOUR, 30),
    FailureScope.PASSWORD: (_HOUR, 10),
}
"""How many failures, or codes that were not used, a counter takes in which time; the two of a code share a stretch."""

_CHARGE = text(
    """
    INSERT INTO sign_in_failures AS f (scope, subject, began_at, failure_count)
    VALUES (:scope, :subject, date_bin(:stretch, clock_timestamp(), timestamptz '2000-01-01Z'), 1)
    ON CONFLICT (scope, subject, began_at) DO UPDATE SET failure_count = f.failure_count + 1
        WHERE f.failure_count < :most
    RETURNING began_at
    """
)
_GIVE_BACK = text(
    """
    UPDATE sign_in_failures SET failure_count = failure_count - 1
    WHERE scope = :scope AND subject = :subject AND began_at = :began_at
    """
)
_IPV6_PREFIX = 64


@dataclass(frozen=True, slots=True)
class Charge:
    """A failure, or an unused code, that was counted in advance."""

    scope: FailureScope
    subject: bytes
    began_at: datetime


def address_subject(address: str | None) -> bytes:
    """Return the keyed digest by which an address is counted; of IPv6 its /64, which one customer has."""
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return b""
    network = ip_network((parsed, _IPV6_PREFIX if parsed.version == 6 else 32), strict=False)  # noqa: PLR2004
    return blind_index(str(network), context="sign_in_failures.address")


def device_subject(address: bytes, device: str) -> bytes:
    """Return the keyed digest by which a device is counted, at its address alone: its name can be anybody's."""
    return blind_index(f"{address.hex()}:{device}", context="sign_in_failures.device")


def charge_failure(tx: Transaction, address: str | None) -> tuple[Charge, ...]:
    """Count one failure in advance; locks both counters until the transaction ends.

    :raises SignInPaused: a counter is full; parameter ``retry_after_s``, at most the whole stretch.
    """
    return (
        _charge(tx, FailureScope.ADDRESS, address_subject(address), SignInPaused),
        _charge(tx, FailureScope.ALL, b"", SignInPaused),
    )


def charge_password(tx: Transaction, index: bytes, *, device: str | None, address: bytes | None) -> tuple[Charge, ...]:
    """Count one wrong password in advance, at a phone (``index``).

    :param device: one that is known for the phone, which is counted by itself and pays nothing else; None otherwise.
    :param address: of a device that is not known, as :func:`address_subject` gives it.
    :raises SignInPaused: a counter is full; parameter ``retry_after_s``, at most the whole stretch.
    """
    charges = []
    if device is None:
        charges.append(_charge(tx, FailureScope.ADDRESS, address or b"", SignInPaused))
        charges.append(_charge(tx, FailureScope.ALL, b"", SignInPaused))
    subject = blind_index(f"{index.hex()}:{device or ''}", context="sign_in_failures.password")
    charges.append(_charge(tx, FailureScope.PASSWORD, subject, SignInPaused))
    return tuple(charges)


def charge_ask(tx: Transaction, address: bytes, device: str) -> datetime:
    """Count one code that is asked for; locks both counters until the transaction ends. Return when its stretch began.

    :param address: as :func:`address_subject` gives it.
    :raises TooManyCodes: a counter is full; parameter ``retry_after_s``, at most the whole stretch.
    """
    _charge(tx, FailureScope.CODE_ADDRESS, address, TooManyCodes)
    return _charge(tx, FailureScope.CODE_DEVICE, device_subject(address, device), TooManyCodes).began_at


def _charge(tx: Transaction, scope: FailureScope, subject: bytes, refusal: type[Throttled]) -> Charge:
    stretch, most = LIMITS[scope]
    params = {"scope": scope.value, "subject": subject, "stretch": stretch, "most": most}
    began_at = tx.execute(_CHARGE, params).scalar_one_or_none()
    if began_at is None:
        raise refusal(retry_after_s=int(stretch.total_seconds()))
    return Charge(scope, subject, began_at)


def asked(address: bytes | None, device: str, charged_at: datetime | None) -> tuple[Charge, ...]:
    """Return what :func:`charge_ask` counted for a code, nothing where it was not called."""
    if address is None or charged_at is None:
        return ()
    return (
        Charge(FailureScope.CODE_ADDRESS, bytes(address), charged_at),
        Charge(FailureScope.CODE_DEVICE, device_subject(bytes(address), device), charged_at),
    )


def give_back(tx: Transaction, charges: tuple[Charge, ...]) -> None:
    """Take charges back, in their order: it was no failure."""
    for one in charges:
        tx.execute(_GIVE_BACK, {"scope": one.scope.value, "subject": one.subject, "began_at": one.began_at})
