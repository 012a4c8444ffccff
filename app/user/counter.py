"""Routes of payments at a counter, as who pays: show a code, or pay a shop whose code was scanned."""

from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.counter.errors import CounterPaymentNotFound
from app.core.counter.models import CounterWay
from app.core.counter.rules import COUNTER_FEN_MAX
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read
from app.usecases.counter.codes import PayCode, show_pay_code
from app.usecases.counter.pay import CounterMoved, pay_at_shop
from app.usecases.passkeys.challenges import Asked, ask_to_pay
from app.usecases.stepping_up.purposes import COUNTER_SHOP, OWN_PAY_CODE, Payee
from app.user.step_up import ConfirmationIn, GrantedOut, confirmed
from app.web.counter import CounterMovedOut, CounterRefundsOut
from app.web.door import Door
from app.web.fields import Body, Choice, Fen, Id, Instant, Int, Many, Text
from app.web.paging import PageQuery, page, read_cursor
from app.web.passkeys import ChallengeOut, party
from app.web.policy import Relation, policy
from app.web.replies import in_json

_PAID = """
    SELECT p.counter_payment_id, p.shop_id, s.name AS shop_name, p.way, p.amount_fen, p.refunded_fen, p.paid_at
    FROM counter_payments AS p JOIN shops AS s ON s.shop_id = p.shop_id WHERE p.account_id = :account_id
"""
_LIST = text(f"{_PAID} AND p.counter_payment_id < :before ORDER BY p.counter_payment_id DESC LIMIT :limit")
_ONE = text(
    f"""
    SELECT p.*, coalesce((
        SELECT json_agg(json_build_object('counter_refund_id', r.counter_refund_id, 'amount_fen', r.amount_fen,
            'made_at', {in_json("r.made_at")}) ORDER BY r.counter_refund_id)
        FROM counter_refunds AS r WHERE r.counter_payment_id = p.counter_payment_id), '[]') AS refunds
    FROM ({_PAID} AND p.counter_payment_id = :counter_payment_id) AS p
    """
)


class CounterChallengeIn(Body):
    """How much a passkey is to confirm."""

    amount_fen = Fen(low=1, high=COUNTER_FEN_MAX, required=True)


class CounterGrantIn(ConfirmationIn):
    """What is confirmed: a payment at a counter of up to this amount."""


class ShopGrantOut(GrantedOut):
    """A grant, to be named as ``step_up_grant`` when paying this shop: by this session, once."""

    shop_id = Id(required=True)


class PayCodeGrantOut(GrantedOut):
    """A grant, to be named as ``step_up_grant`` when showing a code: by this session, once."""

    account_id = Id(required=True)


class PayCodeIn(Body):
    """A code for a small amount takes nothing; for more, a grant that was bought for it."""

    step_up_grant = Id(load_default=None, allow_none=True)


class PayCodeOut(Body):
    """A code to show (付款码): once, for a minute, up to an amount."""

    code = Text(high=64, required=True)
    amount_fen_max = Fen(low=1, required=True)
    expires_in_s = Int(low=1, high=600, required=True)


class PayShopIn(Body):
    """How much a shop is paid; a small amount takes no grant, except from a new device."""

    amount_fen = Fen(low=1, high=COUNTER_FEN_MAX, required=True)
    step_up_grant = Id(load_default=None, allow_none=True)


class PaidAtCounterOut(Body):
    """A payment that one made at a counter."""

    counter_payment_id = Id(required=True)
    shop_id = Id(required=True)
    shop_name = Text(high=200, required=True)
    way = Choice(CounterWay, required=True)
    amount_fen = Fen(low=1, required=True)
    refunded_fen = Fen(required=True)
    paid_at = Instant(required=True)


class CounterReceiptOut(PaidAtCounterOut):
    """The receipt of a payment at a counter, with what went back."""

    refunds = Many(fields.Nested(CounterRefundsOut), high=1_000, required=True)


class PaidAtCountersOut(Body):
    """A page of payments that one made at counters, newest first."""

    items = Many(fields.Nested(PaidAtCounterOut), high=100, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


def add_counter(door: Door) -> None:
    """Add the routes to ``door``."""
    _add_grants(door)

    @door.post("/pay-codes", body=PayCodeIn, answer=PayCodeOut, status=201)
    @policy("counter.pay", Relation.OWN)
    def post_pay_code(actor: Actor, *, body: dict[str, Any]) -> PayCode:
        """Show a code that pays at a counter (付款码); the one before it is good no more."""
        return show_pay_code(actor, **body)

    @door.post("/shops/<uuid:shop_id>/counter-payments", body=PayShopIn, answer=CounterMovedOut, status=201, once=True)
    @policy("counter.pay", Relation.SIDE)
    def pay_shop(actor: Actor, *, claim: Claim, shop_id: UUID, body: dict[str, Any]) -> CounterMoved:
        """Pay a shop whose code (收款码) one scanned, from the e-account."""
        return pay_at_shop(actor, claim, shop_id=shop_id, **body)

    @door.get("/counter-payments", query=PageQuery, answer=PaidAtCountersOut)
    @policy("counter.read", Relation.OWN)
    def list_paid_at_counters(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List what one paid at counters, newest first."""
        asked = {"account_id": actor.account_id, "before": read_cursor(query["cursor"]), "limit": query["limit"] + 1}
        rows = [dict(row._mapping) for row in read(_LIST, asked)]
        return page(rows, limit=query["limit"], key="counter_payment_id")

    @door.get("/counter-payments/<uuid:counter_payment_id>", answer=CounterReceiptOut)
    @policy("counter.read", Relation.OWN)
    def read_paid_at_counter(actor: Actor, *, counter_payment_id: UUID) -> dict[str, Any]:
        """Read the receipt of a payment at a counter."""
        asked = {"account_id": actor.account_id, "counter_payment_id": counter_payment_id}
        row = read(_ONE, asked).one_or_none()
        if row is None:
            raise CounterPaymentNotFound
        return dict(row._mapping)


def _add_grants(door: Door) -> None:
    @door.post("/pay-code-challenges", body=CounterChallengeIn, answer=ChallengeOut, status=201)
    @policy("counter.pay", Relation.OWN)
    def ask_for_pay_code_challenge(actor: Actor, *, body: dict[str, Any]) -> Asked:
        """Ask for a challenge that one of one's passkeys answers to confirm a code for more than a small amount."""
        return ask_to_pay(actor, party(), Payee(OWN_PAY_CODE, actor.account_id), amount_fen=body["amount_fen"])

    @door.post("/pay-code-grants", body=CounterGrantIn, answer=PayCodeGrantOut, status=201)
    @policy("counter.pay", Relation.OWN)
    def grant_pay_code(actor: Actor, *, body: dict[str, Any]) -> dict[str, Any]:
        """Confirm a code with the payment PIN or a passkey; good for five minutes, once."""
        return confirmed(actor, Payee(OWN_PAY_CODE, actor.account_id), body)

    @door.post("/shops/<uuid:shop_id>/counter-challenges", body=CounterChallengeIn, answer=ChallengeOut, status=201)
    @policy("counter.pay", Relation.SIDE)
    def ask_for_counter_challenge(actor: Actor, *, shop_id: UUID, body: dict[str, Any]) -> Asked:
        """Ask for a challenge that one of one's passkeys answers to confirm a payment at this shop's counter."""
        return ask_to_pay(actor, party(), Payee(COUNTER_SHOP, shop_id), amount_fen=body["amount_fen"])

    @door.post("/shops/<uuid:shop_id>/counter-grants", body=CounterGrantIn, answer=ShopGrantOut, status=201)
    @policy("counter.pay", Relation.SIDE)
    def grant_counter(actor: Actor, *, shop_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
        """Confirm a payment at this shop's counter with the payment PIN or a passkey; good for five minutes, once."""
        return confirmed(actor, Payee(COUNTER_SHOP, shop_id), body)
