"""Routes of payments at a counter, as the shop: its code, scanning a resident's, what came in, giving it back."""

from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.catalog.errors import ShopNotFound
from app.core.counter.errors import CounterPaymentNotFound
from app.core.counter.models import CounterWay
from app.core.counter.rules import COUNTER_FEN_MAX
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read, transaction
from app.usecases.counter.codes import shop_code
from app.usecases.counter.pay import CounterMoved, charge_counter
from app.usecases.counter.refund import CounterRefundMade, refund_counter
from app.web.cases import IS_MEMBER
from app.web.counter import CounterMovedOut, CounterRefundsOut
from app.web.door import Door
from app.web.fields import Body, Choice, Day, Fen, Id, Instant, Many, Pattern, Text
from app.web.paging import PageQuery, page, read_cursor
from app.web.policy import Relation, policy
from app.web.replies import in_json

_TAKEN = """
    SELECT p.counter_payment_id, p.shop_id, p.way, p.amount_fen, p.fee_fen, p.refunded_fen, p.fee_back_fen, p.paid_at,
        p.settled_on
    FROM counter_payments AS p
    JOIN memberships AS m ON m.organization_id = p.merchant_id AND m.organization_kind = 'merchant'
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
"""
_LIST = text(
    f"""
    {_TAKEN} WHERE p.shop_id = :shop_id AND p.counter_payment_id < :before
    ORDER BY p.counter_payment_id DESC LIMIT :limit
    """
)
_ONE = text(
    f"""
    SELECT p.*, coalesce((
        SELECT json_agg(json_build_object('counter_refund_id', r.counter_refund_id, 'amount_fen', r.amount_fen,
            'made_at', {in_json("r.made_at")}) ORDER BY r.counter_refund_id)
        FROM counter_refunds AS r WHERE r.counter_payment_id = p.counter_payment_id), '[]') AS refunds
    FROM ({_TAKEN} WHERE p.counter_payment_id = :counter_payment_id) AS p
    """
)


class ShopCodeOut(Body):
    """The text of the shop's own code (收款码), to be drawn and put up. It names the shop and is no secret."""

    shop_id = Id(required=True)
    text = Text(high=100, required=True)


class CounterChargeIn(Body):
    """What was scanned, and how much is charged."""

    code = Pattern(r"[0-9a-f]{32}[0-9]{12}", high=44, required=True)
    amount_fen = Fen(low=1, high=COUNTER_FEN_MAX, required=True)


class CounterRefundIn(Body):
    """How much goes back."""

    amount_fen = Fen(low=1, high=COUNTER_FEN_MAX, required=True)


class CounterRefundMadeOut(Body):
    """A refund of a payment at a counter, and what is left of the payment."""

    counter_refund_id = Id(required=True)
    counter_payment_id = Id(required=True)
    amount_fen = Fen(low=1, required=True)
    left_fen = Fen(required=True)


class TakenAtCounterOut(Body):
    """A payment that a shop took at its counter; who paid is not said. ``settled_on`` is its statement's day."""

    counter_payment_id = Id(required=True)
    shop_id = Id(required=True)
    way = Choice(CounterWay, required=True)
    amount_fen = Fen(low=1, required=True)
    fee_fen = Fen(required=True)
    refunded_fen = Fen(required=True)
    fee_back_fen = Fen(required=True)
    paid_at = Instant(required=True)
    settled_on = Day(required=True, allow_none=True)


class CounterSlipOut(TakenAtCounterOut):
    """The shop's receipt of a payment at its counter, with what went back."""

    refunds = Many(fields.Nested(CounterRefundsOut), high=1_000, required=True)


class TakenAtCountersOut(Body):
    """A page of payments at a counter, newest first."""

    items = Many(fields.Nested(TakenAtCounterOut), high=100, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


def add_counter(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/shops/<uuid:shop_id>/counter-code", answer=ShopCodeOut)
    @policy("counter.read", Relation.OWN_SHOP)
    def read_shop_code(actor: Actor, *, shop_id: UUID) -> dict[str, Any]:
        """Read the text of a shop's own code, which residents scan to pay it."""
        if read(IS_MEMBER, {"shop_id": shop_id, **actor.as_member}).first() is None:
            raise ShopNotFound
        return {"shop_id": shop_id, "text": shop_code(shop_id)}

    @door.post(
        "/shops/<uuid:shop_id>/counter-payments", body=CounterChargeIn, answer=CounterMovedOut, status=201, once=True
    )
    @policy("counter.charge", Relation.OWN_SHOP)
    def charge(actor: Actor, *, claim: Claim, shop_id: UUID, body: dict[str, Any]) -> CounterMoved:
        """Take a payment from the resident whose code was scanned."""
        return charge_counter(actor, claim, shop_id=shop_id, **body)

    @door.get("/shops/<uuid:shop_id>/counter-payments", query=PageQuery, answer=TakenAtCountersOut)
    @policy("counter.read", Relation.OWN_SHOP)
    def list_taken_at_counter(actor: Actor, *, shop_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
        """List what came in at a shop's counter, newest first."""
        known = {"shop_id": shop_id, **actor.as_member}
        asked = {**known, "before": read_cursor(query["cursor"]), "limit": query["limit"] + 1}
        with transaction() as tx:
            rows = [dict(row._mapping) for row in tx.execute(_LIST, asked)]
            if not rows and tx.execute(IS_MEMBER, known).first() is None:
                raise ShopNotFound
        return page(rows, limit=query["limit"], key="counter_payment_id")

    @door.get("/counter-payments/<uuid:counter_payment_id>", answer=CounterSlipOut)
    @policy("counter.read", Relation.OWN_SHOP)
    def read_taken_at_counter(actor: Actor, *, counter_payment_id: UUID) -> dict[str, Any]:
        """Read the shop's receipt of a payment at its counter."""
        row = read(_ONE, {**actor.as_member, "counter_payment_id": counter_payment_id}).one_or_none()
        if row is None:
            raise CounterPaymentNotFound
        return dict(row._mapping)

    @door.post(
        "/counter-payments/<uuid:counter_payment_id>/refunds",
        body=CounterRefundIn,
        answer=CounterRefundMadeOut,
        status=201,
        once=True,
    )
    @policy("counter.refund", Relation.OWN_SHOP)
    def refund_at_counter(
        actor: Actor, *, claim: Claim, counter_payment_id: UUID, body: dict[str, Any]
    ) -> CounterRefundMade:
        """Give a payment at the counter back, whole or in part, to the account that paid."""
        return refund_counter(actor, claim, counter_payment_id=counter_payment_id, **body)
