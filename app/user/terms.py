"""Routes of term products: the countdown, taking, confirming, ending early, the certificate."""

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import fields
from sqlalchemy import text

from app.core.wealth.errors import TermProductNotFound, TermSubscriptionNotFound
from app.core.wealth.suitability import TERM_DOCUMENTS
from app.core.wealth.terms import TermState
from app.kernel.actor import Actor
from app.kernel.clock import SHANGHAI
from app.kernel.money import grouped_yuan
from app.kernel.transaction import Claim, read
from app.usecases.saving.term_crowd import confirm_among_many, subscribe_among_many
from app.usecases.saving.term_end import TermEnded, exit_early
from app.usecases.saving.term_sale import TermMoved
from app.usecases.saving.term_waiting import TermWaiting, wait_for_term
from app.web.door import Door
from app.web.fields import Body, Choice, Day, Fen, Flag, Id, Instant, Int, Many, Text
from app.web.paging import PageQuery, page, read_cursor
from app.web.pdf import new_slip
from app.web.policy import Relation, policy

_PRODUCTS = text(
    """
    SELECT p.product_id, p.name_zh, p.name_en, p.risk_level, p.rate_bp, p.is_early_exit, p.early_rate_bp, p.quota_fen,
        p.cap_fen, p.minimum_fen, p.step_fen, p.opens_at, p.closes_at, p.value_on, p.matures_on, p.pays_on,
        CAST(ceil(greatest(0, extract(epoch FROM p.opens_at - business_now()))) AS bigint) AS opens_in_s,
        (SELECT CAST(sum(q.left_fen) AS bigint) FROM term_quotas AS q WHERE q.product_id = p.product_id) AS left_fen
    FROM term_products AS p
    WHERE p.product_id < :before AND p.product_id = coalesce(CAST(:product_id AS uuid), p.product_id)
    ORDER BY p.product_id DESC LIMIT :limit
    """
)
_MINE = text(
    """
    SELECT s.subscription_id, s.product_id, p.name_zh, p.name_en, s.amount_fen, s.state, s.held_at, s.confirm_by,
        s.confirmed_at, s.interest_fen, p.rate_bp, p.value_on, p.matures_on, p.pays_on
    FROM term_subscriptions AS s JOIN term_products AS p ON p.product_id = s.product_id
    WHERE s.account_id = :account_id AND s.subscription_id < :before
        AND s.subscription_id = coalesce(CAST(:subscription_id AS uuid), s.subscription_id)
    ORDER BY s.subscription_id DESC LIMIT :limit
    """
)


class TermProductOut(Body):
    """A term product; ``opens_in_s`` counts down to its instant by the database's clock."""

    product_id = Id(required=True)
    name_zh = Text(high=100, required=True)
    name_en = Text(high=100, required=True)
    risk_level = Int(low=1, high=5, required=True)
    rate_bp = Int(low=0, high=10_000, required=True)
    is_early_exit = Flag(required=True)
    early_rate_bp = Int(low=0, high=10_000, required=True)
    quota_fen = fields.Integer(required=True, strict=True)
    left_fen = fields.Integer(required=True, strict=True)
    cap_fen = Fen(required=True)
    minimum_fen = Fen(required=True)
    step_fen = Fen(required=True)
    opens_at = Instant(required=True)
    opens_in_s = Int(low=0, high=10**9, required=True)
    closes_at = Instant(required=True)
    value_on = Day(required=True)
    matures_on = Day(required=True)
    pays_on = Day(required=True)


class TermProductsOut(Body):
    """A page of products, newest first."""

    items = Many(fields.Nested(TermProductOut), high=100, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class TermDocumentOut(Body):
    """A document to be agreed to before the first subscription."""

    kind = Text(high=40, required=True)
    version = Int(low=1, high=1_000, required=True)
    title_zh = Text(high=100, required=True)
    title_en = Text(high=100, required=True)
    text_zh = Text(high=2_000, required=True)
    text_en = Text(high=2_000, required=True)


class TermDocumentsOut(Body):
    """The documents of today."""

    items = Many(fields.Nested(TermDocumentOut), high=100, required=True)


class SubscriptionIn(Body):
    """How much to take; ``is_confirmed`` confirms it at once, and nothing is held."""

    amount_fen = Fen(low=1, required=True)
    step_up_grant = Id(load_default=None, allow_none=True)
    is_confirmed = Flag(load_default=False)


class WaitIn(Body):
    """How much to wait for."""

    amount_fen = Fen(low=1, required=True)


class TermWaitingOut(WaitIn):
    """A place on the waiting list."""

    product_id = Id(required=True)


class TermMovedOut(Body):
    """Where a subscription stands."""

    subscription_id = Id(required=True)
    product_id = Id(required=True)
    amount_fen = Fen(low=1, required=True)
    state = Choice(TermState, required=True)
    confirm_by = Instant(required=True)


class TermEndedOut(Body):
    """What an early end came to."""

    subscription_id = Id(required=True)
    amount_fen = Fen(low=1, required=True)
    interest_fen = Fen(required=True)
    state = Choice(TermState, required=True)


class SubscriptionOut(TermMovedOut):
    """A subscription as one sees it."""

    name_zh = Text(high=100, required=True)
    name_en = Text(high=100, required=True)
    held_at = Instant(required=True)
    confirmed_at = Instant(required=True, allow_none=True)
    interest_fen = Fen(required=True, allow_none=True)
    rate_bp = Int(low=0, high=10_000, required=True)
    value_on = Day(required=True)
    matures_on = Day(required=True)
    pays_on = Day(required=True)


class SubscriptionsOut(Body):
    """A page of subscriptions, newest first."""

    items = Many(fields.Nested(SubscriptionOut), high=100, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


def certificate(row: Any) -> bytes:
    """Return a PDF that says what somebody took of a product."""
    confirmed: datetime = row["confirmed_at"].astimezone(SHANGHAI)
    lines = (
        f"产品 Product: {row['name_zh']} {row['name_en']}",
        f"编号 Number: {row['subscription_id']}",
        f"本金 Principal: {grouped_yuan(row['amount_fen'])} 元 yuan",
        f"年化利率 Rate: {row['rate_bp'] / 100:.2f} %",
        f"起息日 From: {row['value_on']}    到期日 To: {row['matures_on']}    兑付日 Paid: {row['pays_on']}",
        f"确认时间 Confirmed: {confirmed:%Y-%m-%d %H:%M:%S} (北京时间)",
        "理财非存款，产品有风险，投资须谨慎。",
    )
    return new_slip("理财产品持有凭证", lines)


def add_terms(door: Door) -> None:  # noqa: C901 - one function a route
    """Add the routes to ``door``."""

    @door.get("/term-products", query=PageQuery, answer=TermProductsOut)
    @policy("wealth.read", Relation.SIDE)
    def list_term_products(_actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List term products, with what is left and how long until they open."""
        params = {"before": read_cursor(query["cursor"]), "product_id": None, "limit": query["limit"] + 1}
        rows = [dict(row._mapping) for row in read(_PRODUCTS, params)]
        return page(rows, limit=query["limit"], key="product_id")

    @door.get("/term-products/<uuid:product_id>", answer=TermProductOut)
    @policy("wealth.read", Relation.SIDE)
    def read_term_product(_actor: Actor, *, product_id: UUID) -> dict[str, Any]:
        """Read a term product, with the countdown."""
        row = read(_PRODUCTS, {"before": read_cursor(None), "product_id": product_id, "limit": 1}).one_or_none()
        if row is None:
            raise TermProductNotFound
        return dict(row._mapping)

    @door.get("/term-documents", answer=TermDocumentsOut)
    @policy("wealth.read", Relation.SIDE)
    def list_term_documents(_actor: Actor) -> dict[str, Any]:
        """List what has to be agreed to before the first subscription."""
        names = ("kind", "version", "title_zh", "title_en", "text_zh", "text_en")
        return {"items": [{name: getattr(one, name) for name in names} for one in TERM_DOCUMENTS]}

    @door.post(
        "/term-products/<uuid:product_id>/subscriptions",
        body=SubscriptionIn,
        answer=TermMovedOut,
        status=201,
        once=True,
        opens_in_standing=True,
    )
    @policy("wealth.buy", Relation.OWN)
    def subscribe(actor: Actor, *, claim: Claim, product_id: UUID, body: dict[str, Any]) -> TermMoved:
        """Take an amount: it is held until it is confirmed, or goes back after ten minutes; or confirmed at once."""
        return subscribe_among_many(actor, claim, product_id=product_id, **body)

    @door.put("/term-products/<uuid:product_id>/waiting-list", body=WaitIn, answer=TermWaitingOut, once=True)
    @policy("wealth.buy", Relation.OWN)
    def join_waiting_list(actor: Actor, *, claim: Claim, product_id: UUID, body: dict[str, Any]) -> TermWaiting:
        """Wait for what others give back; it is held for who waited longest, to be confirmed."""
        return wait_for_term(actor, claim, product_id=product_id, **body)

    @door.get("/subscriptions", query=PageQuery, answer=SubscriptionsOut)
    @policy("wealth.read", Relation.OWN)
    def list_subscriptions(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List one's subscriptions, newest first."""
        params = {"account_id": actor.account_id, "before": read_cursor(query["cursor"]), "subscription_id": None}
        rows = [dict(row._mapping) for row in read(_MINE, {**params, "limit": query["limit"] + 1})]
        return page(rows, limit=query["limit"], key="subscription_id")

    @door.post(
        "/subscriptions/<uuid:subscription_id>/confirmation", answer=TermMovedOut, once=True, opens_in_standing=True
    )
    @policy("wealth.buy", Relation.OWN)
    def confirm_term(actor: Actor, *, claim: Claim, subscription_id: UUID) -> TermMoved:
        """Confirm what is held; the money leaves the e-account."""
        return confirm_among_many(actor, claim, subscription_id=subscription_id)

    @door.post("/subscriptions/<uuid:subscription_id>/early-exit", answer=TermEndedOut, once=True)
    @policy("wealth.redeem", Relation.OWN)
    def end_term_early(actor: Actor, *, claim: Claim, subscription_id: UUID) -> TermEnded:
        """End a subscription before its day, at the lower rate, where the product allows."""
        return exit_early(actor, claim, subscription_id=subscription_id)

    @door.get("/subscriptions/<uuid:subscription_id>/certificate", pages=("application/pdf",))
    @policy("wealth.read", Relation.OWN)
    def read_certificate(actor: Actor, *, subscription_id: UUID) -> Response:
        """Read the certificate of a confirmed subscription, a PDF."""
        params = {"account_id": actor.account_id, "before": read_cursor(None), "subscription_id": subscription_id}
        row = read(_MINE, {**params, "limit": 1}).one_or_none()
        if row is None or row.confirmed_at is None:
            raise TermSubscriptionNotFound
        headers = {"Cache-Control": "no-store", "Content-Disposition": "attachment; filename=certificate.pdf"}
        return Response(certificate(row._mapping), mimetype="application/pdf", headers=headers)
