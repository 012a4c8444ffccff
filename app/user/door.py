"""Routes of the resident's door, ``/user/v1``."""

from contextlib import suppress
from typing import Any
from uuid import UUID

import segno
from flask import Response, current_app

from app.core.delivery.models import Vehicle
from app.core.delivery.ratings import Mark
from app.core.orders.models import Fulfillment
from app.core.orders.timeline import Reader
from app.core.payments.models import PaymentChannel, PaymentMethod
from app.core.payments.ports import GatewayUnknown, GatewayUnreachable
from app.core.privacy.models import Purpose
from app.kernel.actor import Actor, Side
from app.kernel.transaction import Claim
from app.usecases.delivering.ratings import RatingMoved, rate_courier
from app.usecases.ordering.cancel_checkout import CheckoutMoved, cancel_checkout
from app.usecases.ordering.cancel_order import ask_to_cancel, cancel_order
from app.usecases.ordering.ending import OrderMoved
from app.usecases.ordering.finish_order import confirm_order
from app.usecases.ordering.place_checkout import Placed, place_checkout
from app.usecases.paying.attempts import ask_gateway
from app.usecases.paying.pay_checkout import PaymentStarted
from app.usecases.paying.tip_courier import Tipped, tip_courier
from app.usecases.paying.top_up import top_up
from app.usecases.people.addresses import AddressAdded, add_address, remove_address
from app.usecases.people.addresses import Door as FrontDoor
from app.usecases.people.members import InvitationMoved, accept, refuse
from app.usecases.privacy.consents import consents_of, say_consent
from app.usecases.privacy.data_export import DataExportAsked, read_export, request_export
from app.usecases.privacy.erasure import ErasureAsked, cancel_erasure, request_erasure
from app.usecases.saving.pay_from_fund import pay_checkout_or_pull_back
from app.usecases.shopping.cart import CartLine, empty_cart, put_in_cart, take_out_of_cart
from app.usecases.shopping.promising import quote_with_promises
from app.usecases.verifying.check_identity import CheckRequested, ask_waiting, request_check
from app.usecases.verifying.face_to_face import show_code
from app.usecases.vetting.apply import ApplicationMoved, QuizTaken, apply_as_courier, take_quiz
from app.user import queries, schemas, vetting
from app.user.activities import add_activities
from app.user.announcements import add_announcements
from app.user.appointments import add_appointments
from app.user.bill_history import add_bill_history
from app.user.bills import add_bills
from app.user.cases import add_own_cases, add_own_photos, add_replacements
from app.user.comparisons import add_comparisons
from app.user.counter import add_counter
from app.user.coupons import add_coupons
from app.user.credit import add_credit
from app.user.desk import add_desk
from app.user.finding import add_finding
from app.user.merging import add_merging
from app.user.opening import add_opening
from app.user.price_alerts import add_price_alerts
from app.user.product_prices import add_product_prices
from app.user.queueing import add_queue
from app.user.reviews import add_reviews
from app.user.samples import add_samples
from app.user.saving import add_saving
from app.user.service_points import add_service_points
from app.user.sharing import add_sharing
from app.user.slots import add_slots, wished_slots
from app.user.step_up import add_step_up
from app.user.terms import add_terms
from app.user.transfers import add_transfers
from app.user.vans import add_van
from app.user.vouchers import add_vouchers
from app.user.wealth import add_wealth
from app.user.wealth_grants import add_wealth_grants
from app.web.catalog import add_categories, add_prices
from app.web.door import Door
from app.web.helping import add_helped_by
from app.web.members import InvitationMovedOut, InvitationsOut
from app.web.notices import add_notices
from app.web.order_papers import add_receipt, add_timeline
from app.web.papers import ShownPapersOut
from app.web.passkeys import add_passkeys
from app.web.passwords import add_passwords
from app.web.policy import Relation, policy
from app.web.shelf import PUBLIC, ShelfQuery, shelf_page
from app.web.sign_in import add_sign_in
from app.web.threads import add_thread
from app.web.views import ApplicationMovedOut, CommunitiesOut, OffersOut, OrderMovedOut, RatingMovedOut, StatementOut
from app.web.wishes import wishes_of

door = Door("user", __name__, side=Side.USER)
add_sign_in(door, Side.USER)
add_passwords(door, Side.USER)
add_passkeys(door, Side.USER)
add_notices(door)
add_thread(door, Relation.OWN)
add_step_up(door)
add_finding(door)
add_categories(door)
add_prices(door, Relation.SIDE)
add_comparisons(door)
add_counter(door)
add_product_prices(door)
add_price_alerts(door)
add_opening(door)
add_wealth(door)
add_wealth_grants(door)
add_saving(door)
add_transfers(door)
add_coupons(door)
add_terms(door)
add_own_cases(door)
add_own_photos(door)
add_vouchers(door)
add_appointments(door)
add_timeline(door, Reader.RESIDENT, Relation.OWN)
add_receipt(door)
add_replacements(door)
add_desk(door)
add_queue(door)
add_announcements(door)
add_activities(door)
add_van(door)
add_samples(door)
add_service_points(door)
add_slots(door)
add_bills(door)
add_bill_history(door)
add_credit(door)
add_helped_by(door, is_shop=False)
add_reviews(door)
add_merging(door)
add_sharing(door)


@door.get("/communities", query=schemas.PlaceQuery, answer=CommunitiesOut)
@policy("community.read", Relation.SIDE)
def list_communities(_actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
    """List communities, nearest first when a place is given."""
    return queries.communities(**query)


@door.get("/addresses", answer=schemas.AddressesOut)
@policy("address.read", Relation.OWN)
def list_addresses(actor: Actor) -> dict[str, Any]:
    """List one's addresses."""
    return queries.addresses(actor)


@door.post("/addresses", body=schemas.AddressIn, answer=schemas.AddressAddedOut, status=201, once=True)
@policy("address.write", Relation.OWN)
def create_address(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> AddressAdded:
    """Add an address in a community."""
    place = {name: body.pop(name) for name in ("community_id", "lat", "lng", "walk_up_floors")}
    return add_address(actor, claim, door=FrontDoor(**body), **place)


@door.delete("/addresses/<uuid:address_id>")
@policy("address.write", Relation.OWN)
def delete_address(actor: Actor, *, address_id: UUID) -> None:
    """Remove an address; orders keep their own copy."""
    remove_address(actor, address_id=address_id)


@door.get("/shops", query=schemas.ShopsQuery, answer=schemas.ShopsOut)
@policy("shop.read", Relation.OWN)
def list_shops(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
    """List shops that deliver to one's address, nearest first."""
    return queries.shops_near(actor, **query)


@door.get("/shops/<uuid:shop_id>", answer=schemas.ShopOut)
@policy("shop.read", Relation.SIDE)
def read_shop(actor: Actor, *, shop_id: UUID) -> dict[str, Any]:
    """Read one shop."""
    return queries.shop(actor, shop_id=shop_id)


@door.get("/shops/<uuid:shop_id>/papers", answer=ShownPapersOut)
@policy("shop.read", Relation.SIDE)
def list_shop_papers(actor: Actor, *, shop_id: UUID) -> dict[str, Any]:
    """List the licenses of a shop that were reviewed."""
    return queries.papers(actor, shop_id=shop_id)


@door.get("/shops/<uuid:shop_id>/offers", query=ShelfQuery, answer=OffersOut)
@policy("offer.read", Relation.SIDE)
def list_offers(_actor: Actor, *, shop_id: UUID, query: dict[str, Any]) -> Response:
    """List what a shop sells, with prices and stock."""
    return shelf_page(PUBLIC, shop_id, **query)


@door.get("/cart", answer=schemas.CartOut)
@policy("cart.read", Relation.OWN)
def read_cart(actor: Actor) -> dict[str, Any]:
    """Read one's cart."""
    return queries.cart(actor)


@door.put("/cart/lines/<uuid:sku_id>", body=schemas.CartLineIn, answer=schemas.CartLineOut)
@policy("cart.write", Relation.OWN)
def put_cart_line(actor: Actor, *, sku_id: UUID, body: dict[str, Any]) -> CartLine:
    """Set how many pieces of a SKU the cart holds."""
    return put_in_cart(actor, sku_id=sku_id, **body)


@door.delete("/cart/lines/<uuid:sku_id>")
@policy("cart.write", Relation.OWN)
def delete_cart_line(actor: Actor, *, sku_id: UUID) -> None:
    """Take a SKU out of the cart."""
    take_out_of_cart(actor, sku_id=sku_id)


@door.delete("/cart")
@policy("cart.write", Relation.OWN)
def delete_cart(actor: Actor) -> None:
    """Empty the cart."""
    empty_cart(actor)


@door.post("/checkout-quotes", body=schemas.QuoteIn, answer=schemas.QuoteOut)
@policy("checkout.quote", Relation.OWN)
def quote(actor: Actor, *, body: dict[str, Any]) -> dict[str, Any]:
    """Price the cart to an address, with every line of the price and when it would come. Changes nothing."""
    fulfillment, slots = Fulfillment(body["fulfillment"]), wished_slots(body["slots"])
    promised = quote_with_promises(
        actor,
        address_id=body["address_id"],
        fulfillment=fulfillment,
        slots=slots,
        is_trip_shared=body["is_trip_shared"],
        coupon_id=body["coupon_id"],
    )
    return queries.shown_quote(promised)


@door.post(
    "/checkouts",
    body=schemas.CheckoutIn,
    answer=schemas.PlacedOut,
    status=201,
    once=True,
    opens_in_standing=True,
)
@policy("checkout.place", Relation.OWN)
def place(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> Placed:
    """Turn the cart into one order per shop, to be paid within fifteen minutes."""
    slots, wishes = wished_slots(body.pop("slots")), wishes_of(body)
    way = Fulfillment(body.pop("fulfillment"))
    return place_checkout(actor, claim, slots=slots, wishes=wishes, fulfillment=way, **body)


@door.get("/checkouts/<uuid:checkout_id>", answer=schemas.CheckoutOut)
@policy("checkout.read", Relation.OWN)
def read_checkout(actor: Actor, *, checkout_id: UUID) -> dict[str, Any]:
    """Read one's checkout."""
    return queries.checkout(actor, checkout_id=checkout_id)


@door.post("/checkouts/<uuid:checkout_id>/cancellation", answer=schemas.CheckoutMovedOut, once=True)
@policy("checkout.cancel", Relation.OWN)
def cancel_unpaid(actor: Actor, *, claim: Claim, checkout_id: UUID) -> CheckoutMoved:
    """Cancel a checkout before it is paid."""
    return cancel_checkout(actor, claim, checkout_id=checkout_id)


def _with_code(actor: Actor, started: dict[str, Any]) -> dict[str, Any]:
    """Get what the payer pays with, a code or a secret, where it is not there yet; the worker does when this fails."""
    payment_id = UUID(started["payment_id"])
    shown = queries.payment(actor, payment_id=payment_id)
    is_shown = shown["qr_text"] is not None or shown["client_secret"] is not None
    if started["attempt_id"] is not None and not is_shown and shown["state"] == "pending":
        with suppress(GatewayUnknown, GatewayUnreachable):
            ask_gateway(current_app.extensions["linli_gateway"], UUID(started["attempt_id"]))
        shown = queries.payment(actor, payment_id=payment_id)
    return shown


def _started(actor: Actor, started: dict[str, Any]) -> dict[str, Any]:
    return queries.paid_at_once(started) if started["attempt_id"] is None else _with_code(actor, started)


@door.post(
    "/checkouts/<uuid:checkout_id>/payments",
    body=schemas.PayIn,
    answer=schemas.PaymentOut,
    status=201,
    once=True,
    finish=_started,
    opens_in_standing=True,
)
@policy("checkout.pay", Relation.OWN)
def pay(actor: Actor, *, claim: Claim, checkout_id: UUID, body: dict[str, Any]) -> PaymentStarted:
    """Pay a checkout from the e-account, or get what WeChat Pay or a card takes for all of it or for the rest."""
    return pay_checkout_or_pull_back(
        actor,
        claim,
        checkout_id=checkout_id,
        method=PaymentMethod(body["method"]),
        step_up_grant=body["step_up_grant"],
        account_part_fen=body["account_part_fen"],
        channel=PaymentChannel(body["channel"]),
    )


@door.get("/payments/<uuid:payment_id>", answer=schemas.PaymentOut)
@policy("payment.read", Relation.OWN)
def read_payment(actor: Actor, *, payment_id: UUID) -> dict[str, Any]:
    """Read one's payment, with the code to scan, or the secret to give a card with, while it waits."""
    return queries.payment(actor, payment_id=payment_id)


@door.get("/orders", query=schemas.OrdersQuery, answer=schemas.OrdersOut)
@policy("order.read", Relation.OWN)
def list_orders(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
    """List one's orders, newest first."""
    return queries.orders(actor, **query)


@door.get("/orders/<uuid:order_id>", answer=schemas.OrderOut)
@policy("order.read", Relation.OWN)
def read_order(actor: Actor, *, order_id: UUID) -> dict[str, Any]:
    """Read one's order, with the code for the courier or the counter."""
    return queries.order(actor, order_id=order_id)


@door.get("/orders/<uuid:order_id>/courier", answer=schemas.OrderCourierOut)
@policy("order.read", Relation.OWN)
def read_courier_place(actor: Actor, *, order_id: UUID) -> dict[str, Any]:
    """See about where the courier of one's order is, while it is carried."""
    return queries.courier_place(actor, order_id=order_id)


@door.post("/orders/<uuid:order_id>/cancellation", answer=OrderMovedOut, once=True)
@policy("order.cancel", Relation.OWN)
def cancel(actor: Actor, *, claim: Claim, order_id: UUID) -> OrderMoved:
    """Cancel a paid order while that is free; all of it goes back."""
    return cancel_order(actor, claim, order_id=order_id)


@door.post("/orders/<uuid:order_id>/cancel-request", answer=OrderMovedOut, once=True)
@policy("order.cancel", Relation.OWN)
def request_cancellation(actor: Actor, *, claim: Claim, order_id: UUID) -> OrderMoved:
    """Ask the shop to let an order go that it prepares."""
    return ask_to_cancel(actor, claim, order_id=order_id)


@door.post("/orders/<uuid:order_id>/confirmation", answer=OrderMovedOut, once=True)
@policy("order.confirm", Relation.OWN)
def confirm(actor: Actor, *, claim: Claim, order_id: UUID) -> OrderMoved:
    """Confirm that an order arrived."""
    return confirm_order(actor, claim, order_id=order_id)


@door.get("/account", answer=schemas.AccountOut)
@policy("account.read", Relation.OWN)
def read_account(actor: Actor) -> dict[str, Any]:
    """Read the balance of one's e-account."""
    return queries.account(actor)


@door.get("/account/statement", query=schemas.StatementQuery, answer=StatementOut)
@policy("account.read", Relation.OWN)
def read_statement(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
    """Read one's e-account's entries, newest first."""
    return queries.statement(actor, **query)


@door.post(
    "/account/top-ups", body=schemas.TopUpIn, answer=schemas.PaymentOut, status=201, once=True, finish=_with_code
)
@policy("account.top_up", Relation.OWN)
def begin_top_up(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> PaymentStarted:
    """Get a WeChat Pay code, or what a card takes, to top up the e-account."""
    return top_up(actor, claim, amount_fen=body["amount_fen"], channel=PaymentChannel(body["channel"]))


def _asked(actor: Actor, _requested: dict[str, Any]) -> dict[str, Any]:
    """Ask the outside parties now; the worker does it when this fails."""
    ask_waiting(current_app.extensions["linli_identity_checker"], actor.account_id)
    return queries.verification(actor)


@door.post("/verification", body=schemas.VerificationIn, answer=schemas.VerificationOut, once=True, finish=_asked)
@policy("verification.write", Relation.OWN)
def verify(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> CheckRequested:
    """Have one's name and ID number checked, for level I or II."""
    return request_check(actor, claim, **body)


@door.get("/verification", answer=schemas.VerificationOut)
@policy("verification.read", Relation.OWN)
def read_verification(actor: Actor) -> dict[str, Any]:
    """Read one's level, the checks that were asked for, and the caps that go with the level."""
    return queries.verification(actor)


@door.post("/verification/codes", answer=schemas.FaceCodeOut, status=201)
@policy("verification.write", Relation.OWN)
def show_face_code(actor: Actor) -> dict[str, Any]:
    """Get a code to show at an experience store's counter, for level III."""
    shown = show_code(actor)
    drawn = segno.make_qr(shown.code).svg_inline(scale=4)
    return {"code": shown.code, "expires_in_s": shown.expires_in_s, "qr_svg": drawn}


@door.post("/erasure", answer=schemas.ErasureOut, status=202, once=True)
@policy("privacy.erase", Relation.OWN)
def ask_erasure(actor: Actor, *, claim: Claim) -> ErasureAsked:
    """Ask to be erased in seven days; until then it can be called off."""
    return request_erasure(actor, claim)


@door.delete("/erasure")
@policy("privacy.erase", Relation.OWN)
def call_erasure_off(actor: Actor) -> None:
    """Call one's erasure off while it waits."""
    cancel_erasure(actor)


@door.post("/orders/<uuid:order_id>/tip", body=schemas.TipIn, answer=schemas.TipOut, status=201, once=True)
@policy("courier.tip", Relation.OWN)
def tip(actor: Actor, *, claim: Claim, order_id: UUID, body: dict[str, Any]) -> Tipped:
    """Give the courier who brought an order a tip from the e-account; it cannot be taken back."""
    return tip_courier(actor, claim, order_id=order_id, **body)


@door.post(
    "/orders/<uuid:order_id>/courier-rating", body=schemas.RatingIn, answer=RatingMovedOut, status=201, once=True
)
@policy("courier.rate", Relation.OWN)
def rate(actor: Actor, *, claim: Claim, order_id: UUID, body: dict[str, Any]) -> RatingMoved:
    """Rate how an order was brought, once, within a week; the courier may appeal."""
    marks = [Mark(mark) for mark in body["marks"]]
    return rate_courier(actor, claim, order_id=order_id, stars=body["stars"], marks=marks)


@door.get("/courier-training", answer=schemas.TrainingOut)
@policy("application.read", Relation.SIDE)
def read_training(_actor: Actor) -> dict[str, Any]:
    """Read the questions of the training quiz for couriers."""
    return vetting.training()


@door.post("/courier-training/records", body=schemas.QuizIn, answer=schemas.QuizOut, status=201, once=True)
@policy("application.write", Relation.OWN)
def answer_quiz(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> QuizTaken:
    """Answer the training quiz; three tries in 24 hours."""
    return take_quiz(actor, claim, **body)


@door.get("/courier-applications", answer=schemas.ApplicationsOut)
@policy("application.read", Relation.OWN)
def list_own_applications(actor: Actor) -> dict[str, Any]:
    """List one's applications to be a courier, newest first."""
    return vetting.applications(actor)


@door.post("/courier-applications", body=schemas.ApplicationIn, answer=ApplicationMovedOut, status=201, once=True)
@policy("application.write", Relation.OWN)
def apply(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> ApplicationMoved:
    """Apply to deliver in a community; its store decides."""
    return apply_as_courier(actor, claim, community_id=body["community_id"], vehicle=Vehicle(body["vehicle"]))


@door.get("/invitations", answer=InvitationsOut)
@policy("invitation.read", Relation.OWN)
def list_invitations(actor: Actor) -> dict[str, Any]:
    """List open invitations to one's phone."""
    return queries.invitations(actor)


@door.post("/invitations/<uuid:invitation_id>/acceptance", answer=InvitationMovedOut, once=True)
@policy("invitation.answer", Relation.OWN)
def accept_invitation(actor: Actor, *, claim: Claim, invitation_id: UUID) -> InvitationMoved:
    """Become a member of a merchant or a store that invited one."""
    return accept(actor, claim, invitation_id=invitation_id)


@door.post("/invitations/<uuid:invitation_id>/refusal", answer=InvitationMovedOut, once=True)
@policy("invitation.answer", Relation.OWN)
def refuse_invitation(actor: Actor, *, claim: Claim, invitation_id: UUID) -> InvitationMoved:
    """Refuse to become a member."""
    return refuse(actor, claim, invitation_id=invitation_id)


@door.post("/data-exports", answer=schemas.DataExportOut, status=202, once=True)
@policy("privacy.export", Relation.OWN)
def ask_data_export(actor: Actor, *, claim: Claim) -> DataExportAsked:
    """Ask for everything about oneself, once a day."""
    return request_export(actor, claim)


@door.get("/data-exports/<uuid:export_id>/file", pages=("application/zip",))
@policy("privacy.export", Relation.OWN)
def download_data_export(actor: Actor, *, export_id: UUID) -> Response:
    """Download one's export, a zip of JSON and CSV, within seven days."""
    packed = read_export(actor, export_id=export_id)
    headers = {"Cache-Control": "no-store", "Content-Disposition": 'attachment; filename="linli-my-data.zip"'}
    return Response(packed, mimetype="application/zip", headers=headers)


@door.get("/consents", answer=schemas.ConsentsOut)
@policy("consent.read", Relation.OWN)
def list_consents(actor: Actor) -> dict[str, Any]:
    """List what one has agreed to."""
    return {"items": consents_of(actor.account_id)}


@door.put("/consents", body=schemas.ConsentIn)
@policy("consent.write", Relation.OWN)
def write_consent(actor: Actor, *, body: dict[str, Any]) -> None:
    """Say that one agrees, or no longer does, to a version of a purpose."""
    say_consent(actor, **{**body, "purpose": Purpose(body["purpose"])})
