"""Routes of payees and transfers."""

from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.transfers.rules import TRANSFER_FEN_MAX
from app.kernel.actor import Actor
from app.kernel.sealing import unseal
from app.kernel.transaction import Claim, read
from app.usecases.passkeys.challenges import Asked, ask_to_pay
from app.usecases.stepping_up.purposes import PAYEE, Payee
from app.usecases.transferring.payees import (
    PAYEE_CONTEXT,
    PayeeAdded,
    PayeeRemoved,
    add_payee,
    remove_payee,
)
from app.usecases.transferring.transfer import Transferred, transfer
from app.user.step_up import ConfirmationIn, GrantedOut, confirmed
from app.web.door import Door
from app.web.fields import Body, Fen, Flag, Id, Instant, Many, Text
from app.web.paging import PageQuery, page, read_cursor
from app.web.passkeys import ChallengeOut, party
from app.web.policy import Relation, policy

_PAYEES = text(
    """
    SELECT payee_id, phone_sealed, added_at, usable_at FROM payees
    WHERE account_id = :account_id AND removed_at IS NULL AND payee_id < :before
    ORDER BY payee_id DESC LIMIT :limit
    """
)
_TRANSFERS = text(
    """
    SELECT transfer_id, payee_id, amount_fen, is_cash, made_at FROM transfers
    WHERE account_id = :account_id AND transfer_id < :before ORDER BY transfer_id DESC LIMIT :limit
    """
)


class PayeeIn(Body):
    """Whom one wants to send money, by phone. Whether the phone has an account is not said."""

    phone = Text(high=20, low=5, required=True)


class PayeeAddedOut(Body):
    """A payee, and from when on they can be sent money: a day after they were added."""

    payee_id = Id(required=True)
    usable_at = Instant(required=True)


class PayeeRemovedOut(Body):
    """A payee who is none any more."""

    payee_id = Id(required=True)


class PayeeOut(PayeeAddedOut):
    """A payee; of the phone one sees the first three and the last four digits."""

    phone = Text(high=20, required=True)
    added_at = Instant(required=True)


class PayeesOut(Body):
    """A page of payees, newest first."""

    items = Many(fields.Nested(PayeeOut), high=100, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class TransferChallengeIn(Body):
    """How much a passkey is to confirm."""

    amount_fen = Fen(low=1, high=TRANSFER_FEN_MAX, required=True)


class TransferGrantIn(ConfirmationIn):
    """What is confirmed: a transfer to this payee of up to this amount."""


class TransferGrantOut(GrantedOut):
    """A grant, to be named as ``step_up_grant`` with the transfer: by this session, once."""

    payee_id = Id(required=True)


class TransferIn(Body):
    """How much is sent, and what confirms it."""

    amount_fen = Fen(low=1, high=TRANSFER_FEN_MAX, required=True)
    step_up_grant = Id(load_default=None, allow_none=True)


class TransferredOut(Body):
    """A transfer. It cannot be taken back."""

    transfer_id = Id(required=True)
    payee_id = Id(required=True)
    amount_fen = Fen(low=1, required=True)
    is_final = Flag(required=True)


class TransferOut(Body):
    """A transfer that one made, from the e-account or in cash at a desk."""

    transfer_id = Id(required=True)
    payee_id = Id(required=True)
    amount_fen = Fen(low=1, required=True)
    is_cash = Flag(required=True)
    made_at = Instant(required=True)


class TransfersOut(Body):
    """A page of transfers that one made, newest first."""

    items = Many(fields.Nested(TransferOut), high=100, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


def add_transfers(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/payees", query=PageQuery, answer=PayeesOut)
    @policy("transfer.read", Relation.OWN)
    def list_payees(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List one's payees, newest first."""
        rows = read(_PAYEES, _asked(actor, query))
        return page([_payee(row) for row in rows], limit=query["limit"], key="payee_id")

    @door.post("/payees", body=PayeeIn, answer=PayeeAddedOut, status=201, once=True)
    @policy("transfer.make", Relation.OWN)
    def post_payee(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> PayeeAdded:
        """Add somebody one wants to send money to; it can be sent a day later."""
        return add_payee(actor, claim, phone=body["phone"])

    @door.delete("/payees/<uuid:payee_id>", answer=PayeeRemovedOut, once=True)
    @policy("transfer.make", Relation.OWN)
    def delete_payee(actor: Actor, *, claim: Claim, payee_id: UUID) -> PayeeRemoved:
        """Remove a payee."""
        return remove_payee(actor, claim, payee_id=payee_id)

    @door.post("/payees/<uuid:payee_id>/transfer-challenges", body=TransferChallengeIn, answer=ChallengeOut, status=201)
    @policy("transfer.make", Relation.OWN)
    def ask_for_transfer_challenge(actor: Actor, *, payee_id: UUID, body: dict[str, Any]) -> Asked:
        """Ask for a challenge that one of one's passkeys answers to confirm a transfer."""
        return ask_to_pay(actor, party(), Payee(PAYEE, payee_id), amount_fen=body["amount_fen"])

    @door.post("/payees/<uuid:payee_id>/transfer-grants", body=TransferGrantIn, answer=TransferGrantOut, status=201)
    @policy("transfer.make", Relation.OWN)
    def grant_transfer(actor: Actor, *, payee_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
        """Confirm a transfer with the payment PIN or a passkey; good for five minutes, once."""
        return confirmed(actor, Payee(PAYEE, payee_id), body)

    @door.post("/payees/<uuid:payee_id>/transfers", body=TransferIn, answer=TransferredOut, status=201, once=True)
    @policy("transfer.make", Relation.OWN)
    def post_transfer(actor: Actor, *, claim: Claim, payee_id: UUID, body: dict[str, Any]) -> Transferred:
        """Send money to a payee, whole, at once and for good."""
        return transfer(actor, claim, payee_id=payee_id, **body)

    @door.get("/transfers", query=PageQuery, answer=TransfersOut)
    @policy("transfer.read", Relation.OWN)
    def list_transfers(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List the transfers that one made, newest first."""
        rows = [dict(row._mapping) for row in read(_TRANSFERS, _asked(actor, query))]
        return page(rows, limit=query["limit"], key="transfer_id")


def _asked(actor: Actor, query: dict[str, Any]) -> dict[str, object]:
    return {"account_id": actor.account_id, "before": read_cursor(query["cursor"]), "limit": query["limit"] + 1}


def _payee(row: Any) -> dict[str, Any]:
    number = unseal(row.phone_sealed, context=PAYEE_CONTEXT).removeprefix("+86")
    return {
        "payee_id": row.payee_id,
        "phone": f"{number[:3]}****{number[-4:]}",
        "added_at": row.added_at,
        "usable_at": row.usable_at,
    }
