"""Members, the same at the merchant's and the store's door: list, invite, withdraw, change a role, remove, leave."""

from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.accounts.models import InvitationState, MemberRole, OrganizationKind
from app.core.accounts.permissions import ORGANIZATION_OF, PARTS
from app.kernel.actor import Actor, Side
from app.kernel.transaction import Claim, read
from app.usecases.people import members
from app.usecases.people.members import InvitationMoved, MemberMoved, Organization
from app.web.door import Door
from app.web.fields import Body, Choice, Id, Instant, Many, Text
from app.web.policy import Relation, policy

LIST_MAX = 1_000

_MINE = """
    JOIN memberships AS mine ON mine.organization_kind = {row}.organization_kind
        AND mine.organization_id = {row}.organization_id AND mine.account_id = :account_id
        AND mine.role = ANY (CAST(:roles AS text[]))
    WHERE {row}.organization_kind = :organization_kind
"""
_MEMBERS = text(
    f"""
    SELECT m.organization_id, m.account_id, m.role, m.created_at FROM memberships AS m {_MINE.format(row="m")}
    ORDER BY m.organization_id, m.created_at, m.account_id LIMIT {LIST_MAX}
    """
)
_INVITATIONS = text(
    f"""
    SELECT i.invitation_id, i.organization_id, i.role, i.state, i.invited_at, i.expires_at
    FROM invitations AS i {_MINE.format(row="i")} AND i.state = 'open' AND i.expires_at > clock_timestamp()
    ORDER BY i.invitation_id DESC LIMIT {LIST_MAX}
    """
)


class MemberOut(Body):
    """A member; people are shown by id."""

    organization_id = Id(required=True)
    account_id = Id(required=True)
    role = Choice(MemberRole, required=True)
    created_at = Instant(required=True)


class MembersOut(Body):
    """All members of what one is in charge of."""

    items = Many(fields.Nested(MemberOut), high=LIST_MAX, required=True)


class InvitationMovedOut(Body):
    """Where an invitation stands; the same whether or not the phone has an account."""

    invitation_id = Id(required=True)
    role = Choice(MemberRole, required=True)
    state = Choice(InvitationState, required=True)


class InvitationOut(InvitationMovedOut):
    """An invitation, and until when it stands."""

    organization_id = Id(required=True)
    invited_at = Instant(required=True)
    expires_at = Instant(required=True)


class InvitationsOut(Body):
    """Open invitations, newest first."""

    items = Many(fields.Nested(InvitationOut), high=LIST_MAX, required=True)


class MemberMovedOut(Body):
    """What somebody is there now; null is no part any more."""

    account_id = Id(required=True)
    organization_id = Id(required=True)
    role = Choice(MemberRole, required=True, allow_none=True)


class _Role(Choice):
    """One of the roles that a side gives."""

    def __init__(self, side: Side) -> None:
        super().__init__([MemberRole(part.value) for part in PARTS[side]], required=True)


def add_members(door: Door, side: Side) -> None:
    """Add the routes of members to ``door``; a merchant is ``/merchants/…`` there, a store ``/stores/…``."""
    kind, ties = ORGANIZATION_OF[side], Relation.OWN_SHOP if side is Side.MERCHANT else Relation.OWN_STORE
    param = f"{kind.value}_id"
    place = f"/{kind.value}s/<uuid:{param}>"

    class InviteIn(Body):
        """Whom to invite, and as what."""

        phone = Text(high=20, required=True)
        role = _Role(side)

    class RoleIn(Body):
        """The new role."""

        role = _Role(side)

    InviteIn.__name__, RoleIn.__name__ = f"{side.value.title()}InviteIn", f"{side.value.title()}RoleIn"

    @door.get("/members", answer=MembersOut)
    @policy("member.read", ties)
    def list_members(actor: Actor) -> dict[str, Any]:
        """List who works for what one is in charge of."""
        return _listed(_MEMBERS, actor, kind)

    @door.get("/invitations", answer=InvitationsOut)
    @policy("member.read", ties)
    def list_open_invitations(actor: Actor) -> dict[str, Any]:
        """List open invitations."""
        return _listed(_INVITATIONS, actor, kind)

    @door.post(f"{place}/invitations", body=InviteIn, answer=InvitationMovedOut, status=201, once=True)
    @policy("member.invite", ties)
    def invite_member(actor: Actor, *, claim: Claim, body: dict[str, Any], **path: UUID) -> InvitationMoved:
        """Invite somebody by phone; they accept after they have signed in."""
        organization = Organization(kind, path[param])
        return members.invite(actor, claim, organization, phone=body["phone"], role=MemberRole(body["role"]))

    @door.post("/invitations/<uuid:invitation_id>/withdrawal", answer=InvitationMovedOut, once=True)
    @policy("member.invite", ties)
    def withdraw_invitation(actor: Actor, *, claim: Claim, invitation_id: UUID) -> InvitationMoved:
        """Take an open invitation back."""
        return members.withdraw(actor, claim, kind, invitation_id=invitation_id)

    @door.put(f"{place}/members/<uuid:account_id>", body=RoleIn, answer=MemberMovedOut, once=True)
    @policy("member.change", ties)
    def change_member(
        actor: Actor, *, claim: Claim, account_id: UUID, body: dict[str, Any], **path: UUID
    ) -> MemberMoved:
        """Give a member another role, or hand the charge over."""
        organization, role = Organization(kind, path[param]), MemberRole(body["role"])
        return members.change_role(actor, claim, organization, member_id=account_id, role=role)

    @door.delete(f"{place}/members/<uuid:account_id>", answer=MemberMovedOut, once=True)
    @policy("member.remove", ties)
    def remove_member(actor: Actor, *, claim: Claim, account_id: UUID, **path: UUID) -> MemberMoved:
        """Remove a member; it counts with their next request."""
        return members.remove(actor, claim, Organization(kind, path[param]), member_id=account_id)

    @door.post(f"{place}/departure", answer=MemberMovedOut, once=True)
    @policy("member.leave", ties)
    def leave(actor: Actor, *, claim: Claim, **path: UUID) -> MemberMoved:
        """Leave; the last in charge hands over first."""
        return members.leave(actor, claim, Organization(kind, path[param]))


def _listed(statement: Any, actor: Actor, kind: OrganizationKind) -> dict[str, Any]:
    rows = read(statement, {**actor.as_member, "organization_kind": kind.value})
    return {"items": [dict(row._mapping) for row in rows]}
