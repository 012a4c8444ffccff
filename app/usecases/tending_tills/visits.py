"""Who stands at the desk: known by a code of their own session, or by the ID card in hand, and confirmed by their PIN.

A request that carries an ID number or a PIN takes no Idempotency-Key: the key's row holds a hash of the body, from
which either would be found. Its act is left by hand.
"""

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from app.core.tills.errors import (
    DeskCodeRefused,
    DeskConfirmationNeeded,
    DeskVisitNotFound,
    DeskVisitorNotFound,
    OwnDesk,
)
from app.core.tills.states import VisitMeans
from app.core.verification.levels import Level, require_level
from app.kernel import audit
from app.kernel.actor import Actor
from app.kernel.audit import Act, Outcome
from app.kernel.errors import LinliError
from app.kernel.ids import new_id
from app.kernel.sealing import blind_index
from app.kernel.transaction import Transaction, transaction
from app.kernel.wire import Row
from app.usecases.stepping_up.payment_pin import is_identity, try_pin
from app.usecases.tending_tills.drawer import MEMBER
from app.usecases.verifying.check_identity import NUMBER_CONTEXT

CODE_LIFETIME = timedelta(minutes=5)
VISIT_LIFETIME = timedelta(minutes=15)

_OWN_LEVEL = text("SELECT verification_level FROM accounts WHERE account_id = :account_id")
_SHOW = text(
    """
    INSERT INTO desk_codes (digest, account_id, expires_at)
    VALUES (:digest, :account_id, clock_timestamp() + CAST(:lifetime AS interval))
    """
)
_ABOUT = f"""
    (SELECT min(CAST(m.organization_id AS text)) FROM memberships AS m WHERE {MEMBER}
        AND (CAST(:store_id AS uuid) IS NULL OR m.organization_id = CAST(:store_id AS uuid))) AS store_id,
    EXISTS (SELECT 1 FROM memberships AS m JOIN memberships AS o ON o.organization_kind = m.organization_kind
        AND o.organization_id = m.organization_id AND o.account_id = a.account_id
     WHERE m.account_id = :account_id AND m.organization_kind = 'store') AS is_colleague
"""
_BY_CODE = text(
    f"""
    WITH used AS (
        UPDATE desk_codes SET used_at = clock_timestamp()
        WHERE digest = :digest AND used_at IS NULL AND expires_at > clock_timestamp() RETURNING account_id
    )
    SELECT a.account_id AS whom_id, {_ABOUT} FROM used JOIN accounts AS a ON a.account_id = used.account_id
    WHERE a.state = 'active'
    """
)
_BY_CARD = text(
    f"""
    SELECT a.account_id AS whom_id, i.number_index, i.name_sealed, {_ABOUT}
    FROM identities AS i JOIN accounts AS a ON a.account_id = i.account_id
    WHERE i.number_index = :number_index AND a.state = 'active'
    """
)
_BEGIN = text(
    """
    INSERT INTO desk_visits (visit_id, store_id, clerk_id, account_id, means, opened_at, expires_at)
    VALUES (:visit_id, :store_id, :clerk_id, :whom_id, :means, clock_timestamp(),
        clock_timestamp() + CAST(:lifetime AS interval))
    """
)
_LOCK = text(
    f"""
    SELECT v.account_id AS whom_id FROM desk_visits AS v
    JOIN memberships AS m ON m.organization_id = v.store_id AND {MEMBER}
    WHERE v.visit_id = :visit_id AND v.clerk_id = :account_id AND v.expires_at > clock_timestamp() FOR UPDATE OF v
    """
)
_CONFIRM = text(
    """
    UPDATE desk_visits SET confirmed_at = clock_timestamp(), confirmed_fen_max = :amount_fen,
        confirmed_subject_id = CAST(:subject_id AS uuid)
    WHERE visit_id = :visit_id
    """
)
_BALANCE = text(
    f"""
    SELECT v.account_id AS whom_id, v.confirmed_at, coalesce(b.available_fen, 0) AS available_fen
    FROM desk_visits AS v JOIN memberships AS m ON m.organization_id = v.store_id AND {MEMBER}
    LEFT JOIN ledger.balance AS b ON b.code = 'e_account:' || v.account_id
    WHERE v.visit_id = :visit_id AND v.clerk_id = :account_id AND v.expires_at > clock_timestamp()
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskCode:
    """What a resident shows at a desk; once."""

    code: str
    expires_in_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitBegun:
    """A person at the desk; they are served by this clerk for a quarter of an hour."""

    visit_id: UUID
    means: str
    expires_in_s: int


def show_desk_code(actor: Actor) -> DeskCode:
    """Make a code for a desk.

    :raises VerificationNeeded: cash is for verified people, level I.
    """
    code = secrets.token_urlsafe(16)
    with transaction() as tx:
        require_level(tx.execute(_OWN_LEVEL, {"account_id": actor.account_id}).scalar_one(), Level.ONE)
        digest = hashlib.sha256(code.encode()).digest()
        tx.execute(_SHOW, {"digest": digest, "account_id": actor.account_id, "lifetime": CODE_LIFETIME})
    return DeskCode(code=code, expires_in_s=int(CODE_LIFETIME.total_seconds()))


def begin_visit_by_code(actor: Actor, *, code: str, store_id: UUID | None = None) -> VisitBegun:
    """Begin to serve who shows a code. The code is used up whatever comes of it.

    :raises DeskCodeRefused: nobody shows it now. :raises OwnDesk: it is the clerk's own, or a colleague's.
    """
    digest = hashlib.sha256(code.encode()).digest()
    with transaction() as tx:
        row = tx.execute(_BY_CODE, {**actor.as_member, "store_id": store_id, "digest": digest}).one_or_none()
        begun, refusal = _begin(tx, actor, row, VisitMeans.CODE, DeskCodeRefused(pointer="/code"))
    if begun is None:
        raise refusal
    return begun


def begin_visit_by_card(actor: Actor, *, name: str, id_number: str, store_id: UUID | None = None) -> VisitBegun:
    """Begin to serve who shows an ID card, without a phone. A card that leads to nobody is noted as refused.

    :raises DeskVisitorNotFound: no account is verified for this name and number.
    :raises OwnDesk: it is the clerk, or a colleague.
    """
    index = blind_index(id_number.strip().upper(), context=NUMBER_CONTEXT)
    with transaction() as tx:
        row = tx.execute(_BY_CARD, {**actor.as_member, "store_id": store_id, "number_index": index}).one_or_none()
        found = row if row is not None and is_identity(row, name, id_number) else None
        begun, refusal = _begin(tx, actor, found, VisitMeans.ID_CARD, DeskVisitorNotFound(pointer="/id_number"))
    if begun is None:
        raise refusal
    return begun


def confirm_visit(
    actor: Actor, *, visit_id: UUID, pin: str, amount_fen: int, subject_id: UUID | None = None
) -> VisitBegun:
    """Take a person's payment PIN at the desk's pad, for being told the balance and for one act up to an amount.

    :param subject_id: the quoted bill or the payee that it is for; None to take out.

    :raises DeskVisitNotFound: none that this clerk began and that is not over.
    :raises PinNotSet, PinWrong, PinLocked, PinBlocked: of the PIN; wrong ones are counted as everywhere.
    """
    with transaction() as tx:
        row = tx.execute(_LOCK, {**actor.as_member, "visit_id": visit_id}).one_or_none()
        if row is None:
            raise DeskVisitNotFound
        act = _act(
            actor, "desk.confirm", visit_id, row.whom_id, amount_fen=amount_fen, for_id=subject_id and str(subject_id)
        )
        refusal = try_pin(tx, replace(actor, account_id=row.whom_id), pin, act)
        if refusal is None:
            tx.execute(_CONFIRM, {"visit_id": visit_id, "amount_fen": amount_fen, "subject_id": subject_id})
            tx.leave_act(act)
    if refusal is not None:
        raise refusal
    return VisitBegun(visit_id=visit_id, means="pin", expires_in_s=int(VISIT_LIFETIME.total_seconds()))


def visitor_balance(actor: Actor, *, visit_id: UUID) -> int:
    """Return what a person who confirmed with their PIN has on their e-account, fen; each look is an act.

    :raises DeskVisitNotFound: none of the clerk's. :raises DeskConfirmationNeeded: they did not confirm.
    """
    with transaction() as tx:
        row = tx.execute(_BALANCE, {**actor.as_member, "visit_id": visit_id}).one_or_none()
        if row is None:
            raise DeskVisitNotFound
        if row.confirmed_at is None:
            raise DeskConfirmationNeeded
        audit.record(tx, actor, "desk.balance", subject_kind="visit", subject_id=visit_id, whom_id=row.whom_id)
    return int(row.available_fen)


def _begin(
    tx: Transaction, actor: Actor, row: Row | None, means: VisitMeans, absent: LinliError
) -> tuple[VisitBegun | None, LinliError]:
    """Write the visit and its act, or the act of its refusal: what was tried is committed either way."""
    if row is None or row.store_id is None:
        tx.leave_act(replace(_act(actor, "desk.begin", None, None, means=means.value), outcome=Outcome.REFUSED))
        return None, absent
    if row.whom_id == actor.account_id or row.is_colleague:
        act = _act(actor, "desk.begin", None, row.whom_id, means=means.value)
        tx.leave_act(replace(act, outcome=Outcome.REFUSED))
        return None, OwnDesk()
    visit_id = new_id()
    tx.execute(
        _BEGIN,
        {
            "visit_id": visit_id,
            "store_id": row.store_id,
            "clerk_id": actor.account_id,
            "whom_id": row.whom_id,
            "means": means.value,
            "lifetime": VISIT_LIFETIME,
        },
    )
    tx.leave_act(_act(actor, "desk.begin", visit_id, row.whom_id, means=means.value))
    begun = VisitBegun(visit_id=visit_id, means=means.value, expires_in_s=int(VISIT_LIFETIME.total_seconds()))
    return begun, absent


def _act(actor: Actor, verb: str, visit_id: UUID | None, whom_id: UUID | None, **details: object) -> Act:
    return Act(verb=verb, actor=actor, subject_kind="visit", subject_id=visit_id, whom_id=whom_id, details=details)
