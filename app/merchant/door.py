"""Routes of the merchant's door, ``/merchant/v1``."""

from typing import Any
from uuid import UUID

from app.core.orders.models import CancelReason
from app.core.orders.timeline import Reader
from app.core.papers.rules import PaperKind
from app.kernel.actor import Actor, Side
from app.kernel.transaction import Claim
from app.merchant import queries, schemas
from app.merchant.appointments import add_providers, add_visits
from app.merchant.bulk import add_bulk
from app.merchant.carriage import add_carriage
from app.merchant.cases import add_case_photos, add_exchanges, add_replacements, add_shop_cases
from app.merchant.collecting import add_collecting
from app.merchant.counter import add_counter
from app.merchant.money import add_money
from app.merchant.pictures import add_pictures
from app.merchant.reviews import add_shop_reviews
from app.merchant.setup import add_setup
from app.merchant.shelf import add_shelf
from app.merchant.shop_desks import add_shop_desks
from app.merchant.slots import add_slot_rule
from app.merchant.visits import add_shop_visits
from app.merchant.vouchers import add_redemption
from app.usecases.licensing.hand_in import PaperMoved, hand_in_paper, withdraw_paper
from app.usecases.ordering.accept_order import accept_order
from app.usecases.ordering.cancel_order import agree_to_cancel, refuse_to_cancel, reject_order
from app.usecases.ordering.ending import OrderMoved
from app.usecases.ordering.prepare_order import ready_order, short_order
from app.usecases.shopkeeping.shelf import ShopChanged, change_opening
from app.web.catalog import add_categories, add_prices
from app.web.door import Door
from app.web.helping import add_helped_by
from app.web.listings import add_claiming
from app.web.members import add_members
from app.web.notices import add_notices
from app.web.order_papers import add_ticket, add_timeline
from app.web.papers import PaperMovedOut
from app.web.passkeys import add_passkeys
from app.web.passwords import add_passwords
from app.web.policy import Relation, policy
from app.web.sign_in import add_sign_in
from app.web.threads import add_thread
from app.web.views import OrderMovedOut

door = Door("merchant", __name__, side=Side.MERCHANT)
add_sign_in(door, Side.MERCHANT)
add_passwords(door, Side.MERCHANT)
add_passkeys(door, Side.MERCHANT)
add_notices(door)
add_thread(door, Relation.OWN_SHOP)
add_carriage(door)
add_members(door, Side.MERCHANT)
add_money(door)
add_shop_desks(door)
add_claiming(door)
add_categories(door)
add_prices(door, Relation.OWN_SHOP)
add_shelf(door)
add_bulk(door)
add_setup(door)
add_pictures(door)
add_shop_cases(door)
add_exchanges(door)
add_counter(door)
add_case_photos(door)
add_redemption(door)
add_providers(door)
add_visits(door)
add_collecting(door)
add_timeline(door, Reader.MERCHANT, Relation.OWN_SHOP)
add_ticket(door)
add_replacements(door)
add_slot_rule(door)
add_helped_by(door, is_shop=True)
add_shop_reviews(door)
add_shop_visits(door)


@door.get("/shops", answer=schemas.ShopsOut)
@policy("shop.read", Relation.OWN_SHOP)
def list_shops(actor: Actor) -> dict[str, Any]:
    """List the shops that one may act for."""
    return queries.shops(actor)


@door.get("/shops/<uuid:shop_id>/orders", query=schemas.OrdersQuery, answer=schemas.OrdersOut)
@policy("order.read", Relation.OWN_SHOP)
def list_orders(actor: Actor, *, shop_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
    """List a shop's paid orders, newest first."""
    return queries.orders(actor, shop_id=shop_id, **query)


@door.get("/shops/<uuid:shop_id>/arrivals", answer=schemas.ArrivalsOut)
@policy("order.read", Relation.OWN_SHOP)
def list_arrivals(actor: Actor, *, shop_id: UUID) -> dict[str, Any]:
    """List which courier comes when for what a shop prepares."""
    return queries.arrivals(actor, shop_id=shop_id)


@door.get("/orders/<uuid:order_id>", answer=schemas.OrderOut)
@policy("order.read", Relation.OWN_SHOP)
def read_order(actor: Actor, *, order_id: UUID) -> dict[str, Any]:
    """Read an order of one's shop, with the code for the courier."""
    return queries.order(actor, order_id=order_id)


@door.post("/orders/<uuid:order_id>/acceptance", answer=OrderMovedOut, once=True)
@policy("order.accept", Relation.OWN_SHOP)
def accept(actor: Actor, *, claim: Claim, order_id: UUID) -> OrderMoved:
    """Promise that the shop will prepare an order."""
    return accept_order(actor, claim, order_id=order_id)


@door.post("/orders/<uuid:order_id>/rejection", body=schemas.RejectIn, answer=OrderMovedOut, once=True)
@policy("order.reject", Relation.OWN_SHOP)
def reject(actor: Actor, *, claim: Claim, order_id: UUID, body: dict[str, Any]) -> OrderMoved:
    """Refuse an order, with a reason; it is refunded whole."""
    return reject_order(actor, claim, order_id=order_id, reason=CancelReason(body["reason"]))


@door.post("/orders/<uuid:order_id>/shortage", body=schemas.ShortIn, answer=OrderMovedOut, once=True)
@policy("order.short", Relation.OWN_SHOP)
def short(actor: Actor, *, claim: Claim, order_id: UUID, body: dict[str, Any]) -> OrderMoved:
    """Say which lines are lacking; they are refunded, and the resident may cancel freely."""
    return short_order(actor, claim, order_id=order_id, lines=frozenset(body["lines"]))


@door.post("/orders/<uuid:order_id>/readiness", answer=OrderMovedOut, once=True)
@policy("order.ready", Relation.OWN_SHOP)
def ready(actor: Actor, *, claim: Claim, order_id: UUID) -> OrderMoved:
    """Say that an order stands on the counter."""
    return ready_order(actor, claim, order_id=order_id)


@door.post("/orders/<uuid:order_id>/cancel-answer", body=schemas.CancelAnswerIn, answer=OrderMovedOut, once=True)
@policy("order.cancel", Relation.OWN_SHOP)
def answer_cancel_request(actor: Actor, *, claim: Claim, order_id: UUID, body: dict[str, Any]) -> OrderMoved:
    """Let an order go, or keep it, after the resident asked."""
    answer = agree_to_cancel if body["is_agreed"] else refuse_to_cancel
    return answer(actor, claim, order_id=order_id)


@door.put("/shops/<uuid:shop_id>/opening", body=schemas.OpeningIn, answer=schemas.OpeningOut, once=True)
@policy("shop.write", Relation.OWN_SHOP)
def set_opening(actor: Actor, *, claim: Claim, shop_id: UUID, body: dict[str, Any]) -> ShopChanged:
    """Open the shop, let it rest, pause it, change its hours."""
    return change_opening(actor, claim, shop_id=shop_id, **body)


@door.get("/shops/<uuid:shop_id>/papers", answer=schemas.PapersOut)
@policy("paper.read", Relation.OWN_SHOP)
def list_papers(actor: Actor, *, shop_id: UUID) -> dict[str, Any]:
    """List a shop's papers, newest first: what waits, what is approved, what was refused and why."""
    return queries.papers(actor, shop_id=shop_id)


@door.post("/shops/<uuid:shop_id>/papers", body=schemas.PaperIn, answer=PaperMovedOut, status=201, once=True)
@policy("paper.hand_in", Relation.OWN_SHOP)
def hand_in(actor: Actor, *, claim: Claim, shop_id: UUID, body: dict[str, Any]) -> PaperMoved:
    """Hand in a business or food license for review."""
    return hand_in_paper(actor, claim, shop_id=shop_id, **{**body, "kind": PaperKind(body["kind"])})


@door.post("/papers/<uuid:paper_id>/withdrawal", answer=PaperMovedOut, once=True)
@policy("paper.hand_in", Relation.OWN_SHOP)
def withdraw(actor: Actor, *, claim: Claim, paper_id: UUID) -> PaperMoved:
    """Take a paper back before it was looked at."""
    return withdraw_paper(actor, claim, paper_id=paper_id)


@door.get("/balances", answer=schemas.BalancesOut)
@policy("account.read", Relation.OWN_SHOP)
def list_balances(actor: Actor) -> dict[str, Any]:
    """Read what one's merchants have earned."""
    return queries.balances(actor)
