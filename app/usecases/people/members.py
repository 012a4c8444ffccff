"""Who works for a merchant or a store: invite by phone, accept, change a role, remove, leave (成员管理).

The top role, a merchant's owner or a store's manager, decides about the others; the last one in it stays. All rows of
an organization are locked together, in the order of accounts, so that two who leave at once do not leave it to nobody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from app.core.accounts.errors import (
    AlreadyMember,
    InvitationNotFound,
    LastInCharge,
    MemberNotFound,
    OrganizationNotFound,
    TooManyInvitations,
)
from app.core.accounts.models import InvitationState, MemberRole, OrganizationKind
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.sealing import blind_index
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction
from app.kernel.wire import Row
from app.usecases.people.phones import PHONE_CONTEXT, normalize_phone

INVITATION_LIFETIME = timedelta(days=7)
INVITATIONS_MAX = 50
"""Open invitations of one organization."""

IN_CHARGE: Mapping[OrganizationKind, MemberRole] = {
    OrganizationKind.MERCHANT: MemberRole.OWNER,
    OrganizationKind.STORE: MemberRole.MANAGER,
}
"""The role whose last holder cannot be lost."""

_OURS = "organization_kind = :organization_kind AND organization_id = :organization_id"
_LOCK_MEMBERS = opening(
    f"SELECT account_id, role FROM memberships WHERE {_OURS} ORDER BY account_id LIMIT 1000 FOR UPDATE"
)
_COUNT = opening(
    f"""
    SELECT (SELECT count(*) FROM invitations WHERE {_OURS} AND state = 'open' AND expires_at > clock_timestamp())
        AS open_count
    FROM memberships AS m WHERE {_OURS} AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
    FOR UPDATE OF m
    """
)
_INVITE = closing(
    f"""
    replaced AS (
        UPDATE invitations SET state = 'withdrawn' WHERE {_OURS} AND phone_index = :phone_index AND state = 'open'
    ),
    made AS (
        INSERT INTO invitations (invitation_id, organization_kind, organization_id, role, phone_index, invited_by,
            state, invited_at, expires_at)
        VALUES (:invitation_id, :organization_kind, :organization_id, :role, :phone_index, :account_id, 'open',
            clock_timestamp(), clock_timestamp() + :lifetime)
    )"""
)
_LOCK_OURS = opening(
    """
    SELECT i.invitation_id, i.role, i.organization_id FROM invitations AS i
    JOIN memberships AS m ON m.organization_kind = i.organization_kind AND m.organization_id = i.organization_id
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
    WHERE i.invitation_id = :invitation_id AND i.organization_kind = :organization_kind AND i.state = 'open'
    FOR UPDATE OF i
    """
)
_LOCK_MINE = opening(
    """
    SELECT i.invitation_id, i.organization_kind, i.organization_id, i.role, i.invited_by FROM invitations AS i
    JOIN accounts AS a ON a.account_id = :account_id AND a.phone_index = i.phone_index
    JOIN memberships AS m ON m.organization_kind = i.organization_kind AND m.organization_id = i.organization_id
        AND m.account_id = i.invited_by AND m.role IN ('owner', 'manager')
    WHERE i.invitation_id = :invitation_id AND i.state = 'open' AND i.expires_at > clock_timestamp()
    FOR UPDATE OF i
    """
)
_ANSWER = closing("answered AS (UPDATE invitations SET state = :state WHERE invitation_id = :invitation_id)")
_JOIN = closing(
    """
    answered AS (UPDATE invitations SET state = :state WHERE invitation_id = :invitation_id),
    joined AS (
        INSERT INTO memberships (account_id, organization_kind, organization_id, role)
        VALUES (:account_id, :organization_kind, :organization_id, :role) ON CONFLICT DO NOTHING RETURNING 1
    )""",
    answer="SELECT count(*) FROM joined",
)
_CHANGE = closing(f"changed AS (UPDATE memberships SET role = :role WHERE {_OURS} AND account_id = :member_id)")
_REMOVE = closing(
    f"""
    removed AS (DELETE FROM memberships WHERE {_OURS} AND account_id = :member_id),
    agents AS (
        DELETE FROM memberships WHERE account_id = :member_id AND organization_kind = 'store' AND organization_id IN (
            SELECT k.store_id FROM shop_desks AS k WHERE k.merchant_id = :organization_id)
    )"""
)
"""Who leaves a merchant serves at no desk of its shops."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationMoved:
    """Where an invitation stands; the same whether or not the phone has an account."""

    invitation_id: UUID
    role: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberMoved:
    """What somebody is there now; a role of None is no part any more."""

    account_id: UUID
    organization_id: UUID
    role: str | None


@dataclass(frozen=True, slots=True)
class Organization:
    """A merchant or a store."""

    kind: OrganizationKind
    organization_id: UUID

    def as_params(self) -> dict[str, object]:
        """Return it as the statements above take it."""
        return {"organization_kind": self.kind.value, "organization_id": self.organization_id}


def invite(actor: Actor, claim: Claim, organization: Organization, *, phone: str, role: MemberRole) -> InvitationMoved:
    """Invite whoever has ``phone``; an open invitation of the same phone is replaced.

    :raises OrganizationNotFound: none, or not one that the actor is in charge of.
    :raises TooManyInvitations: parameter ``invitations_max``.
    """
    index = blind_index(normalize_phone(phone), context=PHONE_CONTEXT)
    with transaction(claim) as tx:
        row = tx.open_one(_COUNT, {**actor.as_member, **organization.as_params()})
        if row is None:
            raise OrganizationNotFound
        if row.open_count >= INVITATIONS_MAX:
            raise TooManyInvitations(invitations_max=INVITATIONS_MAX)
        moved = InvitationMoved(invitation_id=new_id(), role=role.value, state=InvitationState.OPEN.value)
        tx.describe(subject_kind="invitation", subject_id=moved.invitation_id, details=_told(organization, role))
        tx.keep(moved)
        tx.close(
            _INVITE,
            {
                **organization.as_params(),
                "invitation_id": moved.invitation_id,
                "account_id": actor.account_id,
                "phone_index": index,
                "role": role.value,
                "lifetime": INVITATION_LIFETIME,
            },
        )
    return moved


def withdraw(actor: Actor, claim: Claim, kind: OrganizationKind, *, invitation_id: UUID) -> InvitationMoved:
    """Take an open invitation back."""
    with transaction(claim) as tx:
        params = {**actor.as_member, "invitation_id": invitation_id, "organization_kind": kind.value}
        row = tx.open_one(_LOCK_OURS, params)
        if row is None:
            raise InvitationNotFound
        return _answer(tx, row, InvitationState.WITHDRAWN)


def accept(actor: Actor, claim: Claim, *, invitation_id: UUID) -> InvitationMoved:
    """Accept an invitation to one's own phone, while whoever invited is still in charge there.

    :raises InvitationNotFound: none, not one's own, answered, withdrawn, or past its week.
    :raises AlreadyMember: one is a member there; the role stays what it is.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_MINE, {"invitation_id": invitation_id, "account_id": actor.account_id})
        if row is None:
            raise InvitationNotFound
        moved = InvitationMoved(invitation_id=invitation_id, role=row.role, state=InvitationState.ACCEPTED.value)
        organization = Organization(OrganizationKind(row.organization_kind), row.organization_id)
        tx.describe(whom_id=row.invited_by, details=_told(organization, MemberRole(row.role)))
        tx.keep(moved)
        params = {"invitation_id": invitation_id, "account_id": actor.account_id, "state": moved.state}
        if not tx.close(_JOIN, {**params, **organization.as_params(), "role": row.role}).scalar_one():
            raise AlreadyMember
    return moved


def refuse(actor: Actor, claim: Claim, *, invitation_id: UUID) -> InvitationMoved:
    """Refuse an invitation to one's own phone."""
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_MINE, {"invitation_id": invitation_id, "account_id": actor.account_id})
        if row is None:
            raise InvitationNotFound
        return _answer(tx, row, InvitationState.REFUSED)


def change_role(
    actor: Actor, claim: Claim, organization: Organization, *, member_id: UUID, role: MemberRole
) -> MemberMoved:
    """Give a member another role; the role in charge, too, which is how it is handed over.

    :raises MemberNotFound: nobody there. :raises LastInCharge: nobody would be in charge any more.
    """
    with transaction(claim) as tx:
        members = tx.open(_LOCK_MEMBERS, organization.as_params())
        _require_in_charge(actor, members)
        _refuse_loss(organization, members, member_id, role)
        moved = _moved(tx, organization, member_id, role)
        tx.close(_CHANGE, {**organization.as_params(), "member_id": member_id, "role": role.value})
    return moved


def remove(actor: Actor, claim: Claim, organization: Organization, *, member_id: UUID) -> MemberMoved:
    """Remove a member; it counts with their next request. Errors as :func:`change_role`."""
    with transaction(claim) as tx:
        members = tx.open(_LOCK_MEMBERS, organization.as_params())
        _require_in_charge(actor, members)
        _refuse_loss(organization, members, member_id, None)
        moved = _moved(tx, organization, member_id, None)
        tx.close(_REMOVE, {**organization.as_params(), "member_id": member_id})
    return moved


def leave(actor: Actor, claim: Claim, organization: Organization) -> MemberMoved:
    """Leave.

    :raises LastInCharge: one is the last in charge; hand it over first.
    """
    return remove(actor, claim, organization, member_id=actor.account_id)


def _answer(tx: Transaction, row: Row, state: InvitationState) -> InvitationMoved:
    moved = InvitationMoved(invitation_id=row.invitation_id, role=row.role, state=state.value)
    tx.keep(moved)
    tx.close(_ANSWER, {"invitation_id": row.invitation_id, "state": state.value})
    return moved


def _require_in_charge(actor: Actor, members: Sequence[Row]) -> None:
    """Hold that the actor is among the members in a role that holds the verb."""
    if not any(member.account_id == actor.account_id and member.role in actor.roles for member in members):
        raise OrganizationNotFound


def _refuse_loss(organization: Organization, members: Sequence[Row], member_id: UUID, role: MemberRole | None) -> None:
    found = next((member for member in members if member.account_id == member_id), None)
    if found is None:
        raise MemberNotFound
    top = IN_CHARGE[organization.kind]
    if found.role == top and role is not top and sum(member.role == top for member in members) == 1:
        raise LastInCharge


def _moved(tx: Transaction, organization: Organization, member_id: UUID, role: MemberRole | None) -> MemberMoved:
    moved = MemberMoved(
        account_id=member_id, organization_id=organization.organization_id, role=None if role is None else role.value
    )
    tx.describe(
        subject_kind=organization.kind.value,
        subject_id=organization.organization_id,
        whom_id=member_id,
        details=_told(organization, role),
    )
    tx.keep(moved)
    return moved


def _told(organization: Organization, role: MemberRole | None) -> dict[str, object]:
    return {"organization_id": str(organization.organization_id), "role": None if role is None else role.value}
