"""Who acts: the verified outcome of authentication, handed from the door to the use case."""

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID


class Side(StrEnum):
    """The five doors people come in by; also the ``aud`` of an access token."""

    USER = "user"
    MERCHANT = "merchant"
    COURIER = "courier"
    STORE = "store"
    PLATFORM = "platform"


class Role(StrEnum):
    """In what part someone moves a machine. Tables of transitions name these."""

    RESIDENT = "resident"
    MERCHANT = "merchant"
    COURIER = "courier"
    STORE = "store"
    PLATFORM = "platform"
    SYSTEM = "system"


ROLE_OF_SIDE = {
    Side.USER: Role.RESIDENT,
    Side.MERCHANT: Role.MERCHANT,
    Side.COURIER: Role.COURIER,
    Side.STORE: Role.STORE,
    Side.PLATFORM: Role.PLATFORM,
}


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in person at one side. What rows the person may touch is decided where the row is fetched."""

    account_id: UUID
    session_id: UUID
    side: Side
    roles: tuple[str, ...] = field(default=(), compare=False)
    """The roles that hold what is being done; a membership in another role does not count. None until it was asked."""

    @property
    def role(self) -> Role:
        """The part this side plays in the machines."""
        return ROLE_OF_SIDE[self.side]

    @property
    def as_member(self) -> dict[str, object]:
        """What a statement that joins memberships is given: ``:account_id`` and ``:roles``."""
        return {"account_id": self.account_id, "roles": list(self.roles)}
