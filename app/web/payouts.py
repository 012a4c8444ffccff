"""Payouts (提现) and the bank account they go to, the same at the merchant's and the courier's door."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.settlement.errors import MerchantNotFound
from app.core.settlement.models import PaidParty
from app.core.settlement.payouts import PAYOUT_FEN_MAX, PAYOUT_FEN_MIN
from app.core.settlement.states import PayoutState
from app.kernel.actor import Actor, Side
from app.kernel.transaction import Claim, read
from app.usecases.settling.pay_out import BankAccountNamed, PayoutMoved, ask_payout, name_bank_account
from app.web.door import Door
from app.web.fields import Body, Choice, Day, Fen, Flag, Id, Instant, Many, Pattern, Text
from app.web.paging import LIMIT_MAX, PageQuery, page, read_cursor
from app.web.policy import Relation, policy

_MEMBER = """EXISTS (SELECT 1 FROM memberships AS m WHERE m.organization_kind = 'merchant'
    AND m.organization_id = t.party_id AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[])))"""
_WHOSE = {
    Side.MERCHANT: f"t.party_kind = 'merchant' AND {_MEMBER}",
    Side.COURIER: "t.party_kind = 'courier' AND t.party_id = :account_id",
    Side.PLATFORM: """EXISTS (SELECT 1 FROM memberships AS m WHERE m.organization_kind = 'platform'
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[])))""",
}
COLUMNS = """
    t.payout_id, t.party_kind, t.party_id, t.amount_fen, t.state, t.tail, t.due_on, t.requested_at, t.ended_at,
    t.failure
"""


class BankAccountIn(Body):
    """Where payouts go: the bank's 12-digit code (联行号), the number and its holder.

    ``is_automatic`` pays out by itself what becomes available.
    """

    bank_code = Pattern(r"[0-9]{12}", high=12, required=True)
    number = Pattern(r"[0-9]{8,30}", high=30, required=True)
    holder = Pattern(r"[^,]{2,60}", high=60, required=True)
    is_automatic = Flag(load_default=False)


class BankAccountOut(Body):
    """The end of the number, and from when on the account gets payouts; null where none was named."""

    tail = Text(high=4, required=True, allow_none=True)
    is_automatic = Flag(required=True)
    usable_at = Instant(required=True, allow_none=True)


class PayoutIn(Body):
    """How much is to be paid out."""

    amount_fen = Fen(low=PAYOUT_FEN_MIN, high=PAYOUT_FEN_MAX, required=True)


class PayoutMovedOut(Body):
    """A payout that was asked for; large ones wait for the platform. ``due_on`` is the bank day it is sent on."""

    payout_id = Id(required=True)
    amount_fen = Fen(required=True)
    state = Choice(PayoutState, required=True)
    due_on = Day(required=True)


class SentPayoutOut(PayoutMovedOut):
    """A payout and what became of it; ``failure`` is the bank's word."""

    party_kind = Choice(PaidParty, required=True)
    party_id = Id(required=True)
    tail = Text(high=4, required=True)
    requested_at = Instant(required=True)
    ended_at = Instant(required=True, allow_none=True)
    failure = Text(high=40, required=True, allow_none=True)


class SentPayoutsOut(Body):
    """A page of payouts, newest first."""

    items = Many(fields.Nested(SentPayoutOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


def list_of_payouts(side: Side) -> Callable[[Actor, dict[str, Any]], dict[str, Any]]:
    """Return what reads a page of the payouts that one may see at ``side``."""
    listed = text(
        f"SELECT {COLUMNS} FROM payouts AS t WHERE {_WHOSE[side]} AND t.payout_id < :before"
        " ORDER BY t.payout_id DESC LIMIT :limit"
    )

    def listing(actor: Actor, query: dict[str, Any]) -> dict[str, Any]:
        params = {**actor.as_member, "before": read_cursor(query["cursor"]), "limit": query["limit"] + 1}
        rows = [dict(row._mapping) for row in read(listed, params)]
        return page(rows, limit=query["limit"], key="payout_id")

    return listing


_OF_MERCHANT = text(
    """
    SELECT b.tail, coalesce(b.is_automatic, false) AS is_automatic, b.usable_at
    FROM memberships AS m
    LEFT JOIN bank_accounts AS b ON b.party_kind = 'merchant' AND b.party_id = m.organization_id
        AND b.target_sealed IS NOT NULL
    WHERE m.organization_kind = 'merchant' AND m.organization_id = :party_id AND m.account_id = :account_id
      AND m.role = ANY (CAST(:roles AS text[]))
    """
)
_OF_COURIER = text(
    """
    SELECT tail, is_automatic, usable_at FROM bank_accounts
    WHERE party_kind = 'courier' AND party_id = :account_id AND target_sealed IS NOT NULL
    """
)
_NOWHERE = {"tail": None, "is_automatic": False, "usable_at": None}


def add_merchant_payouts(door: Door) -> None:
    """Give the merchant's door bank accounts and payouts, one per merchant."""
    listing = list_of_payouts(Side.MERCHANT)

    @door.get("/merchants/<uuid:merchant_id>/bank-account", answer=BankAccountOut)
    @policy("bank_account.read", Relation.OWN_SHOP)
    def read_bank_account(actor: Actor, *, merchant_id: UUID) -> dict[str, Any]:
        """Read where a merchant's payouts go."""
        row = read(_OF_MERCHANT, {**actor.as_member, "party_id": merchant_id}).one_or_none()
        if row is None:
            raise MerchantNotFound
        return dict(row._mapping)

    @door.put("/merchants/<uuid:merchant_id>/bank-account", body=BankAccountIn, answer=BankAccountOut, once=True)
    @policy("bank_account.write", Relation.OWN_SHOP)
    def put_bank_account(actor: Actor, *, claim: Claim, merchant_id: UUID, body: dict[str, Any]) -> BankAccountNamed:
        """Say where a merchant's payouts go; it takes effect a day later."""
        return name_bank_account(actor, claim, party_id=merchant_id, **body)

    @door.post("/merchants/<uuid:merchant_id>/payouts", body=PayoutIn, answer=PayoutMovedOut, status=201, once=True)
    @policy("payout.ask", Relation.OWN_SHOP)
    def post_payout(actor: Actor, *, claim: Claim, merchant_id: UUID, body: dict[str, Any]) -> PayoutMoved:
        """Ask for a payout of what is available."""
        return ask_payout(actor, claim, party_id=merchant_id, **body)

    @door.get("/payouts", query=PageQuery, answer=SentPayoutsOut)
    @policy("payout.read", Relation.OWN_SHOP)
    def list_payouts(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List payouts of one's merchants, newest first."""
        return listing(actor, query)


def add_courier_payouts(door: Door) -> None:
    """Give the courier's door one's own bank account and payouts."""
    listing = list_of_payouts(Side.COURIER)

    @door.get("/bank-account", answer=BankAccountOut)
    @policy("bank_account.read", Relation.OWN)
    def read_bank_account(actor: Actor) -> dict[str, Any]:
        """Read where one's payouts go."""
        row = read(_OF_COURIER, {"account_id": actor.account_id}).one_or_none()
        return _NOWHERE if row is None else dict(row._mapping)

    @door.put("/bank-account", body=BankAccountIn, answer=BankAccountOut, once=True)
    @policy("bank_account.write", Relation.OWN)
    def put_bank_account(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> BankAccountNamed:
        """Say where one's payouts go; it takes effect a day later."""
        return name_bank_account(actor, claim, party_id=actor.account_id, **body)

    @door.post("/withdrawals", body=PayoutIn, answer=PayoutMovedOut, status=201, once=True)
    @policy("payout.ask", Relation.OWN)
    def post_withdrawal(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> PayoutMoved:
        """Ask for a payout of what is available."""
        return ask_payout(actor, claim, party_id=actor.account_id, **body)

    @door.get("/withdrawals", query=PageQuery, answer=SentPayoutsOut)
    @policy("payout.read", Relation.OWN)
    def list_withdrawals(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List one's payouts to the bank, newest first."""
        return listing(actor, query)
