"""Level III: face to face at an experience store (面签). The resident shows a code; the clerk compares and photographs.

The code is opaque, stored by digest, single use, five minutes of wall time. The clerk sees the name and number that
were verified before, for a quarter of an hour, and says whether the ID card in hand is the same.
"""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from app.core.verification.errors import (
    AlreadyVerified,
    FaceCodeRefused,
    OwnVerification,
    VerificationNotFound,
)
from app.core.verification.levels import Level, require_level
from app.core.verification.models import FaceState
from app.core.verification.photos import clean_photo
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.sealing import seal
from app.kernel.transaction import Claim, closing, opening, transaction
from app.usecases.verifying.check_identity import raise_level

CODE_LIFETIME = timedelta(minutes=5)
FACE_WINDOW = timedelta(minutes=15)
PHOTO_CONTEXT = "face_checks.photo"

_OWN_LEVEL = text("SELECT verification_level FROM accounts WHERE account_id = :account_id")
_SHOW = text(
    """
    INSERT INTO face_codes (digest, account_id, expires_at)
    VALUES (:digest, :account_id, clock_timestamp() + :lifetime)
    """
)
_TAKE = opening(
    """
    SELECT c.digest, c.account_id, a.verification_level,
        (SELECT min(CAST(m.organization_id AS text)) FROM memberships AS m
         WHERE m.account_id = :clerk_id AND m.organization_kind = 'store'
           AND m.role = ANY (CAST(:roles AS text[]))) AS store_id,
        EXISTS (SELECT 1 FROM memberships AS m JOIN memberships AS o ON o.organization_kind = m.organization_kind
            AND o.organization_id = m.organization_id AND o.account_id = c.account_id
         WHERE m.account_id = :clerk_id AND m.organization_kind = 'store') AS is_colleague
    FROM face_codes AS c JOIN accounts AS a ON a.account_id = c.account_id
    WHERE c.digest = :digest AND c.used_at IS NULL AND c.expires_at > clock_timestamp() FOR UPDATE OF c
    """
)
_OPEN = closing(
    """
    used AS (UPDATE face_codes SET used_at = clock_timestamp() WHERE digest = :digest),
    made AS (
        INSERT INTO face_checks (face_check_id, account_id, store_id, clerk_id, state, opened_at)
        VALUES (:face_check_id, :account_id, :store_id, :clerk_id, 'open', business_now())
    )"""
)
_LOCK = opening(
    """
    SELECT f.face_check_id, f.account_id, f.store_id FROM face_checks AS f
    JOIN memberships AS m ON m.organization_id = f.store_id AND m.organization_kind = 'store'
        AND m.account_id = f.clerk_id AND m.role = ANY (CAST(:roles AS text[]))
    WHERE f.face_check_id = :face_check_id AND f.clerk_id = :clerk_id AND f.state = 'open'
      AND f.opened_at > business_now() - :window FOR UPDATE OF f
    """
)
_END = closing(
    """
    ended AS (
        UPDATE face_checks SET state = :state, photo_sealed = :photo_sealed, ended_at = business_now()
        WHERE face_check_id = :face_check_id
    )"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceCode:
    """What the resident shows; once."""

    code: str
    expires_in_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceCheckMoved:
    """Where a verification face to face stands."""

    verification_id: UUID
    state: str


def show_code(actor: Actor) -> FaceCode:
    """Make a code for the counter.

    :raises VerificationNeeded: name and number are not verified yet, level I. :raises AlreadyVerified: level III.
    """
    code = secrets.token_urlsafe(16)
    with transaction() as tx:
        level = tx.execute(_OWN_LEVEL, {"account_id": actor.account_id}).scalar_one()
        require_level(level, Level.ONE)
        if level >= Level.THREE:
            raise AlreadyVerified(level=level)
        digest = hashlib.sha256(code.encode()).digest()
        tx.execute(_SHOW, {"digest": digest, "account_id": actor.account_id, "lifetime": CODE_LIFETIME})
    return FaceCode(code=code, expires_in_s=int(CODE_LIFETIME.total_seconds()))


def open_face_check(actor: Actor, claim: Claim, *, code: str) -> FaceCheckMoved:
    """Begin, as a clerk, with the resident whose code was scanned.

    :raises FaceCodeRefused: nobody shows it now. :raises OwnVerification: it is the clerk's own, or
        a colleague's: another store verifies them.
    """
    digest = hashlib.sha256(code.encode()).digest()
    with transaction(claim) as tx:
        row = tx.open_one(_TAKE, {"digest": digest, "clerk_id": actor.account_id, "roles": list(actor.roles)})
        if row is None or row.store_id is None:
            raise FaceCodeRefused(pointer="/code")
        if row.account_id == actor.account_id or row.is_colleague:
            raise OwnVerification
        moved = FaceCheckMoved(verification_id=new_id(), state=FaceState.OPEN.value)
        tx.describe(whom_id=row.account_id)
        tx.keep(moved)
        tx.close(
            _OPEN,
            {
                "digest": digest,
                "face_check_id": moved.verification_id,
                "account_id": row.account_id,
                "store_id": row.store_id,
                "clerk_id": actor.account_id,
            },
        )
    return moved


def end_face_check(
    actor: Actor, claim: Claim, *, verification_id: UUID, is_match: bool, photo: str | None
) -> FaceCheckMoved:
    """Say, as the clerk who began it, whether the ID card is the person's; a match needs the card's photo.

    :raises VerificationNotFound: none of one's own is open. :raises PhotoInvalid: there is no usable photo.
    """
    drawn = clean_photo(photo or "") if is_match else None
    with transaction(claim) as tx:
        params = {
            "face_check_id": verification_id,
            "clerk_id": actor.account_id,
            "roles": list(actor.roles),
            "window": FACE_WINDOW,
        }
        row = tx.open_one(_LOCK, params)
        if row is None:
            raise VerificationNotFound
        state = FaceState.CONFIRMED if is_match else FaceState.REFUSED
        moved = FaceCheckMoved(verification_id=verification_id, state=state.value)
        if drawn is not None:
            raise_level(tx, row.account_id, Level.THREE, row.store_id)
        tx.describe(whom_id=row.account_id)
        tx.keep(moved)
        sealed = None if drawn is None else seal(base64.b64encode(drawn).decode(), context=PHOTO_CONTEXT)
        tx.close(_END, {"face_check_id": verification_id, "state": state.value, "photo_sealed": sealed})
    return moved
