"""The breaker of sign-in (登录熔断): failures are counted by address and in all, as rows.

Five tries a code and ten codes a day bound the guesses at one phone, but not one guess at each of many. So every try
from a device that is not known for its phone is charged as a failure before it is judged, by one conditional update a
counter, and given back when it succeeds. Where a counter is full nothing is judged: whoever guesses learns nothing,
however many guess at once. A device that the phone has signed in from before is not charged and never paused.

Wall time, in fixed stretches. Lock order: the code, then the address's counter, then the one for all.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network

from sqlalchemy import text

from app.core.accounts.errors import SignInPaused
from app.core.accounts.models import FailureScope
from app.kernel.sealing import blind_index
from app.kernel.transaction import Transaction

LIMITS = {FailureScope.ADDRESS: (timedelta(hours=1), 50), FailureScope.ALL: (timedelta(minutes=10), 300)}
"""How many failures a counter takes in which time."""

KNOWN_DEVICE = """
EXISTS (
    SELECT 1 FROM sessions AS s JOIN accounts AS a ON a.account_id = s.account_id
    WHERE a.phone_index = :phone_index AND s.device = :device AND s.created_at > clock_timestamp() - interval '180 days'
)"""
"""Whether the phone has signed in from the device; erasure forgets devices."""

_IS_KNOWN = text(f"SELECT {KNOWN_DEVICE}")
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
    """A failure that was counted in advance."""

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


def is_known(tx: Transaction, *, phone_index: bytes, device: str) -> bool:
    """Say whether the phone has signed in from ``device`` before."""
    return bool(tx.execute(_IS_KNOWN, {"phone_index": phone_index, "device": device}).scalar_one())


def charge(tx: Transaction, address: str | None) -> tuple[Charge, ...]:
    """Count one failure in advance; locks both counters until the transaction ends.

    :raises SignInPaused: a counter is full; parameter ``retry_after_s``, at most the whole stretch.
    """
    charged = []
    for scope, subject in ((FailureScope.ADDRESS, address_subject(address)), (FailureScope.ALL, b"")):
        stretch, most = LIMITS[scope]
        params = {"scope": scope.value, "subject": subject, "stretch": stretch, "most": most}
        began_at = tx.execute(_CHARGE, params).scalar_one_or_none()
        if began_at is None:
            raise SignInPaused(retry_after_s=int(stretch.total_seconds()))
        charged.append(Charge(scope, subject, began_at))
    return tuple(charged)


def give_back(tx: Transaction, charges: tuple[Charge, ...]) -> None:
    """Take a charge back: the sign-in succeeded."""
    for one in charges:
        tx.execute(_GIVE_BACK, {"scope": one.scope.value, "subject": one.subject, "began_at": one.began_at})
