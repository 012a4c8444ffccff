"""What grants are good for: whose a subject has to be, and what is answered when it is not. A new payment is a row."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import TextClause, text

from app.core.orders.errors import CheckoutNotFound, OrderNotFound
from app.core.stepup.models import GrantPurpose
from app.kernel.actor import Actor
from app.kernel.errors import NotFound


@dataclass(frozen=True, slots=True)
class Payee:
    """What a payment is for."""

    purpose: GrantPurpose
    subject_id: UUID

    @property
    def kind(self) -> str:
        """What the subject is, as the audit log calls it."""
        return _SUBJECTS[self.purpose].kind

    @property
    def is_own(self) -> TextClause:
        """The statement that finds the subject among the asker's own."""
        return _SUBJECTS[self.purpose].is_own

    def asked_by(self, actor: Actor) -> dict[str, object]:
        """Return the parameters of :attr:`is_own`."""
        return {"subject_id": self.subject_id, "account_id": actor.account_id}

    def absent(self) -> NotFound:
        """Return what is answered when it is nobody's, or another's."""
        return _SUBJECTS[self.purpose].absent()


@dataclass(frozen=True, slots=True)
class _Subject:
    kind: str
    is_own: TextClause
    absent: type[NotFound]


def _owned(table: str, key: str) -> TextClause:
    return text(f"SELECT 1 FROM {table} WHERE {key} = :subject_id AND account_id = :account_id")


_SUBJECTS: Mapping[GrantPurpose, _Subject] = {
    GrantPurpose.PAY_CHECKOUT: _Subject("checkout", _owned("checkouts", "checkout_id"), CheckoutNotFound),
    GrantPurpose.TIP_COURIER: _Subject("order", _owned("orders", "order_id"), OrderNotFound),
}
