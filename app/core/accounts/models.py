"""Tables of people: accounts, sign-in, sessions, memberships, addresses. Personal fields are sealed."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.columns import one_of
from app.kernel.db import Base


class AccountState(StrEnum):
    """Whether the person may use the account."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    ERASED = "erased"
    """The row is a pseudonym; nothing leads from it to a person."""


class OrganizationKind(StrEnum):
    """What a membership is in."""

    MERCHANT = "merchant"
    STORE = "store"
    PLATFORM = "platform"


class MemberRole(StrEnum):
    """What a member is there."""

    OWNER = "owner"
    MANAGER = "manager"
    CLERK = "clerk"
    AGENT = "agent"
    REVIEWER = "reviewer"
    FINANCE = "finance"
    SUPPORT = "support"
    ADMIN = "admin"


PLATFORM_ID = UUID(int=0)
"""The platform's organization id in memberships; there is one platform."""


class AccountRow(Base):
    """A person. The phone number is found by its blind index."""

    __tablename__ = "accounts"
    __table_args__ = (
        one_of("state", AccountState),
        CheckConstraint("verification_level BETWEEN 0 AND 3", name="verification_level_range"),
    )

    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    phone_sealed: Mapped[str]
    phone_index: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    name_sealed: Mapped[str | None]
    state: Mapped[str] = mapped_column(server_default="active")
    verification_level: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class CodePurpose(StrEnum):
    """What a code by text message is good for."""

    SIGN_IN = "sign_in"
    RESET_PIN = "reset_pin"
    SET_PASSWORD = "set_password"  # noqa: S105 - a purpose, no secret
    ADD_PASSKEY = "add_passkey"
    """Adding one, and removing one."""


class SignInCodeRow(Base):
    """A code sent by text message: hashed, single use, few tries, bound to phone, purpose and device.

    ``address_index`` (a keyed digest) and ``charged_at`` name the counters that it was charged to; null where the
    device was known for the phone (``is_known``).
    """

    __tablename__ = "sign_in_codes"
    __table_args__ = (one_of("purpose", CodePurpose), Index(None, "phone_index", "created_at"))

    code_id: Mapped[UUID] = mapped_column(primary_key=True)
    phone_index: Mapped[bytes] = mapped_column(LargeBinary)
    purpose: Mapped[str] = mapped_column(server_default="sign_in")
    device: Mapped[str]
    is_known: Mapped[bool] = mapped_column(server_default=text("false"))
    address_index: Mapped[bytes | None] = mapped_column(LargeBinary)
    charged_at: Mapped[datetime | None]
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    tries_left: Mapped[int]
    expires_at: Mapped[datetime]
    consumed_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class FailureScope(StrEnum):
    """Whose failed sign-ins are counted together, and whose codes that were asked for and not used; in lock order."""

    ADDRESS = "address"
    ALL = "all"
    CODE_ADDRESS = "code_address"
    CODE_DEVICE = "code_device"
    PASSWORD = "password"  # noqa: S105 - a scope, no secret


class SignInFailureRow(Base):
    """How often sign-in failed in a stretch of time: by address (a keyed digest), and in all (an empty subject).

    And how many codes were asked for and not used: by address, and by device at an address (keyed digests).
    """

    __tablename__ = "sign_in_failures"
    __table_args__ = (one_of("scope", FailureScope), {"postgresql_with": {"fillfactor": 60}})

    scope: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    began_at: Mapped[datetime] = mapped_column(primary_key=True)
    failure_count: Mapped[int]


class PasswordRow(Base):
    """The password of who wants one: an argon2id digest with its salt and cost."""

    __tablename__ = "passwords"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), primary_key=True)
    digest: Mapped[str]
    set_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class SignInFactor(StrEnum):
    """By what a session began."""

    CODE = "code"
    PASSWORD = "password"  # noqa: S105 - a factor, no secret
    PASSKEY = "passkey"


class SessionRow(Base):
    """A sign-in on one device at one side. Ending it ends its refresh tokens.

    ``cooling_until`` is when the device stops being new to the account; null where it never was.
    """

    __tablename__ = "sessions"
    __table_args__ = (one_of("factor", SignInFactor),)

    session_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    side: Mapped[str]
    device: Mapped[str]
    factor: Mapped[str] = mapped_column(server_default="code")
    created_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    last_used_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    ended_at: Mapped[datetime | None]
    cooling_until: Mapped[datetime | None]


class RefreshTokenRow(Base):
    """An opaque refresh token, stored by digest. Used twice, it ends its session."""

    __tablename__ = "refresh_tokens"

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.session_id"), index=True)
    expires_at: Mapped[datetime]
    rotated_at: Mapped[datetime | None]


class MembershipRow(Base):
    """A person's role in a merchant, an experience store or the platform."""

    __tablename__ = "memberships"
    __table_args__ = (one_of("organization_kind", OrganizationKind), one_of("role", MemberRole))

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), primary_key=True)
    organization_kind: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(primary_key=True, index=True)
    role: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class InvitationState(StrEnum):
    """How far an invitation is. One past its time counts as gone, whatever it says here."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class InvitationRow(Base):
    """An invitation to be a member, to whoever has a phone; the phone itself is not kept."""

    __tablename__ = "invitations"
    __table_args__ = (
        one_of("organization_kind", OrganizationKind),
        one_of("role", MemberRole),
        one_of("state", InvitationState),
    )

    invitation_id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_kind: Mapped[str]
    organization_id: Mapped[UUID] = mapped_column(index=True)
    role: Mapped[str]
    phone_index: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    invited_by: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    state: Mapped[str]
    invited_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class AddressRow(Base):
    """Where a resident receives: the community in the clear, the door and the contact sealed."""

    __tablename__ = "addresses"

    address_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    community_id: Mapped[UUID] = mapped_column(ForeignKey("communities.community_id"), index=True)
    lat: Mapped[float]
    lng: Mapped[float]
    walk_up_floors: Mapped[int] = mapped_column(server_default="0")
    door_sealed: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    removed_at: Mapped[datetime | None]
