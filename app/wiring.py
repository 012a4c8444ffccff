"""Which adapter fills which port, which reaction follows which event, what each timer does; and the web application.

The one module that knows everything by name. ``create_app`` calls :func:`assemble`.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask
from flask_jwt_extended import JWTManager
from werkzeug.middleware.proxy_fix import ProxyFix

import app.models  # noqa: F401 - fills the metadata
from app.adapters.billers import HttpBillers, NoBillers
from app.adapters.identity_checks import HttpIdentityChecker, NoIdentityChecker, SandboxIdentityChecker
from app.adapters.jobs import defer
from app.adapters.pictures import FolderPictures, S3Pictures
from app.adapters.sms import HttpMessages, SandboxMessages
from app.adapters.stripe.client import StripeClient
from app.adapters.stripe.signature import WebhookVerifier
from app.core.dispatch.batch import BatchPolicy
from app.core.dispatch.problem import Policy
from app.core.dispatch.weights import LIVE
from app.courier import door as courier
from app.gateway import door as gateway
from app.kernel import sealing
from app.kernel.clock import is_moved
from app.kernel.concurrency import Places
from app.kernel.db import db
from app.kernel.reactions import Reaction
from app.kernel.transaction import Transaction, transaction
from app.merchant import door as merchant
from app.platform import door as platform
from app.settings import SERVER_MISSED_WITHIN, Settings, SettingsError
from app.store import door as store
from app.usecases.activities.hold import ACTIVITY_ENDS, ACTIVITY_REMINDS, end_activity, remind_of_activity
from app.usecases.aftersale.carried import EXCHANGE_STRANDED, close_stranded_exchange
from app.usecases.aftersale.cases import CASE_LAPSES, CASE_REMINDS
from app.usecases.aftersale.replace_line import REPLACEMENT_LAPSES, lapse_replacement
from app.usecases.aftersale.rule import lapse_case, remind_case
from app.usecases.appointments.extras import serve_extra
from app.usecases.appointments.visits import (
    PROVIDER_LAPSES,
    SERVICE_LAPSES,
    confirm_appointment,
    lapse_provider,
    lapse_service,
)
from app.usecases.billing.ask_bills import BILL_DUE
from app.usecases.billing.notices import remind_of_bill
from app.usecases.deciding.effects import COMMISSION_STARTS, start_commission
from app.usecases.delivering.birth import TRIP_OPENS
from app.usecases.delivering.hand_over import DELIVERY_STRANDED, close_stranded
from app.usecases.delivering.pay_anew import pay_anew_for_order, pay_anew_for_trip
from app.usecases.delivering.share_trip import share_trip
from app.usecases.dispatching.answer_offer import TRIP_OFFER_EXPIRES, expire_offer
from app.usecases.dispatching.open_trip import open_trip
from app.usecases.licensing.review import PAPER_LOOKED_AT
from app.usecases.licensing.run_out import look_at_paper
from app.usecases.ordering.accept_order import auto_accept_order
from app.usecases.ordering.cancel_checkout import expire_checkout
from app.usecases.ordering.cancel_order import CANCEL_REQUEST_LAPSES, lapse_cancel_request, lapse_order
from app.usecases.ordering.expect_ready import release_courier
from app.usecases.ordering.finish_order import ORDER_COMPLETES, complete_order
from app.usecases.ordering.make_good import make_good
from app.usecases.ordering.place_checkout import CHECKOUT_EXPIRES
from app.usecases.ordering.prepare_order import (
    COLLECT_LAPSES,
    NO_COURIER_ALERTS,
    NO_COURIER_ENDS,
    alert_no_courier,
    give_up_order,
)
from app.usecases.ordering.re_estimate import re_estimate_order, re_estimate_trip
from app.usecases.paying.attempts import ATTEMPT_EXPIRES
from app.usecases.paying.parts import release_in_vain
from app.usecases.paying.settlement import ORDER_LAPSES
from app.usecases.placing.merging import COMMUNITY_SETTLES, settle_community
from app.usecases.privacy.data_export import make_export
from app.usecases.privacy.erasure import ERASURE_DUE, erase_when_due
from app.usecases.promoting.coupons import give_back
from app.usecases.queueing.call import lapse_ticket
from app.usecases.queueing.desk import DESK_TICKET_LAPSES
from app.usecases.saving.term_sale import TERM_HOLD_EXPIRES, TERM_OFFERS, expire_subscription
from app.usecases.saving.term_waiting import offer_to_next
from app.usecases.sharing.own import SHARED_CART_EXPIRES, expire_shared_cart
from app.usecases.shelving.parcels import PARCEL_REMINDS, clear_shelf, lapse_at_store, remind_of_parcel
from app.usecases.vouchers.issue import VOUCHER_EXPIRES, issue_vouchers
from app.usecases.vouchers.spend import expire_voucher
from app.user import door as user
from app.web import pages, problems, tokens
from app.web.application import Application, Gathered, Gathering, Placed, SecurityHeaders
from app.web.capacity import allow_origins, limit_requests
from app.web.door import BODY_BYTES_MAX
from app.web.policy import refuse_unguarded

if TYPE_CHECKING:
    from app.core.bills.ports import Biller
    from app.core.catalog.ports import PictureStore
    from app.core.notices.ports import TextMessages
    from app.core.payments.ports import PaymentGateway
    from app.core.verification.ports import IdentityChecker

RESCUE_S = 15.0
"""When the worker looks after an attempt whose request should have reached the gateway by then."""


def _auto_accept(tx: Transaction, body: Mapping[str, Any]) -> None:
    auto_accept_order(tx, UUID(body["order_id"]))


def _issue_vouchers(tx: Transaction, body: Mapping[str, Any]) -> None:
    issue_vouchers(tx, UUID(body["order_id"]))


def _confirm(tx: Transaction, body: Mapping[str, Any]) -> None:
    order_id = UUID(body["order_id"])
    if not confirm_appointment(tx, order_id):
        serve_extra(tx, order_id)


def _rescue_attempt(tx: Transaction, body: Mapping[str, Any]) -> None:
    defer(tx, "ask_attempt", body["attempt_id"], delay_s=RESCUE_S)


def _close_attempts(tx: Transaction, body: Mapping[str, Any]) -> None:
    defer(tx, "close_attempts", body["payment_id"])


def _release_part(tx: Transaction, body: Mapping[str, Any]) -> None:
    release_in_vain(tx, UUID(body["payment_id"]))


def _submit_refund(tx: Transaction, body: Mapping[str, Any]) -> None:
    defer(tx, "submit_refund", body["refund_id"])


def _answer_dispute(tx: Transaction, body: Mapping[str, Any]) -> None:
    defer(tx, "answer_dispute", body["dispute_id"])


def _rescue_check(tx: Transaction, body: Mapping[str, Any]) -> None:
    defer(tx, "ask_identity_check", body["check_id"], delay_s=RESCUE_S)


def _make_export(tx: Transaction, body: Mapping[str, Any]) -> None:
    make_export(tx, UUID(body["export_id"]))


def _send_notice(tx: Transaction, body: Mapping[str, Any]) -> None:
    defer(tx, "send_notice", body["notice_id"])


def _read_event(tx: Transaction, body: Mapping[str, Any]) -> None:
    defer(tx, "read_event", body["gateway_event_id"])


def _re_estimate_order(tx: Transaction, body: Mapping[str, Any]) -> None:
    re_estimate_order(tx, UUID(body["order_id"]))


def _re_estimate_trip(tx: Transaction, body: Mapping[str, Any]) -> None:
    re_estimate_trip(tx, UUID(body["trip_id"]))


def _make_good(tx: Transaction, body: Mapping[str, Any]) -> None:
    make_good(tx, UUID(body["order_id"]))


def _give_back(tx: Transaction, body: Mapping[str, Any]) -> None:
    give_back(tx, UUID(body["order_id"]))


def _is_much_later(body: Mapping[str, Any]) -> bool:
    return bool(body["is_much_later"])


def _is_at_store(body: Mapping[str, Any]) -> bool:
    return body.get("store_id") is not None


_ESTIMATE = (Reaction("re_estimate", _re_estimate_order),)
_ESTIMATE_TRIP = (Reaction("re_estimate", _re_estimate_trip),)


def _write_export(tx: Transaction, body: Mapping[str, Any]) -> None:
    defer(tx, "write_export", body["export_id"])


def _import_shelf(tx: Transaction, body: Mapping[str, Any]) -> None:
    defer(tx, "import_shelf", body["import_id"])


REACTIONS: Mapping[str, tuple[Reaction, ...]] = {
    "OrderPaid": (
        Reaction("auto_accept", _auto_accept, lambda body: bool(body["is_auto_accept"])),
        Reaction("issue_vouchers", _issue_vouchers, lambda body: body.get("fulfillment_code") == "voucher"),
        Reaction("confirm_appointment", _confirm, lambda body: body.get("fulfillment_code") == "appointment"),
    ),
    "PaymentAttemptRequested": (Reaction("rescue_attempt", _rescue_attempt),),
    "PaymentSettled": (
        Reaction("release_part", _release_part, lambda body: bool(body["had_attempts"])),
        Reaction("close_attempts", _close_attempts, lambda body: bool(body["had_attempts"])),
    ),
    "PaymentClosed": (Reaction("release_part", _release_part), Reaction("close_attempts", _close_attempts)),
    "RefundRequested": (Reaction("submit_refund", _submit_refund),),
    "DisputeAnswerDecided": (Reaction("answer_dispute", _answer_dispute),),
    "IdentityCheckRequested": (Reaction("rescue_check", _rescue_check),),
    "DataExportRequested": (Reaction("make_export", _make_export),),
    "SecurityNoticed": (Reaction("send_notice", _send_notice),),
    "TableExportRequested": (Reaction("write_export", _write_export),),
    "ShelfImportRequested": (Reaction("import_shelf", _import_shelf),),
    "GatewayEventReceived": (Reaction("read_event", _read_event),),
    "OrderAccepted": _ESTIMATE,
    "OrderReady": _ESTIMATE,
    "OrderReadyExpected": (
        *_ESTIMATE,
        Reaction("release_courier", release_courier, _is_much_later),
    ),
    "OrderPickedUp": _ESTIMATE,
    "OrderReattempted": _ESTIMATE,
    "TripClaimed": _ESTIMATE_TRIP,
    "TripGivenBack": (*_ESTIMATE_TRIP, Reaction("pay_anew", pay_anew_for_trip)),
    "OrderCompleted": (Reaction("clear_shelf", clear_shelf, _is_at_store),),
    "OrderCanceled": (
        Reaction("clear_shelf", clear_shelf, _is_at_store),
        Reaction("give_back_coupon", _give_back),
        Reaction("pay_anew", pay_anew_for_order),
    ),
    "OrderReturned": (Reaction("give_back_coupon", _give_back),),
    "OrderDelivered": (Reaction("make_good", _make_good),),
    "TripOpened": (Reaction("share_trip", share_trip),),
}


DISPATCH_POLICY: Policy = BatchPolicy(LIVE)
"""What decides which trip is offered to whom."""


def _expire_attempt(tx: Transaction, attempt_id: UUID) -> None:
    defer(tx, "expire_attempt", attempt_id)


TIMERS = {
    CHECKOUT_EXPIRES: expire_checkout,
    ORDER_LAPSES: lapse_order,
    CANCEL_REQUEST_LAPSES: lapse_cancel_request,
    NO_COURIER_ALERTS: alert_no_courier,
    NO_COURIER_ENDS: give_up_order,
    COLLECT_LAPSES: lapse_at_store,
    PARCEL_REMINDS: remind_of_parcel,
    DELIVERY_STRANDED: close_stranded,
    EXCHANGE_STRANDED: close_stranded_exchange,
    ORDER_COMPLETES: complete_order,
    TRIP_OFFER_EXPIRES: expire_offer,
    TRIP_OPENS: open_trip,
    SHARED_CART_EXPIRES: expire_shared_cart,
    ATTEMPT_EXPIRES: _expire_attempt,
    COMMISSION_STARTS: start_commission,
    ERASURE_DUE: erase_when_due,
    TERM_HOLD_EXPIRES: expire_subscription,
    TERM_OFFERS: offer_to_next,
    PAPER_LOOKED_AT: look_at_paper,
    CASE_LAPSES: lapse_case,
    CASE_REMINDS: remind_case,
    REPLACEMENT_LAPSES: lapse_replacement,
    VOUCHER_EXPIRES: expire_voucher,
    PROVIDER_LAPSES: lapse_provider,
    SERVICE_LAPSES: lapse_service,
    BILL_DUE: remind_of_bill,
    ACTIVITY_REMINDS: remind_of_activity,
    ACTIVITY_ENDS: end_activity,
    DESK_TICKET_LAPSES: lapse_ticket,
    COMMUNITY_SETTLES: settle_community,
}


_SESSION = {
    "timezone": "UTC",
    "lock_timeout": "2s",
    "statement_timeout": "10s",
    "idle_in_transaction_session_timeout": "15s",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
    "random_page_cost": "1.1",
    "enable_seqscan": "off",
}
"""How every session of ours runs: waits are bounded; a short statement is planned once per connection, not per call.

Such a plan outlives the moment it was made in. One made while a table was empty would read all of it for ever after, in
checks of foreign keys too: with ``enable_seqscan`` off a plan takes an index wherever there is one.
"""

DOORS = (user.door, merchant.door, courier.door, store.door, platform.door)
"""The five doors that people come in by."""


def gateway_of(flask_app: Flask) -> "PaymentGateway":
    """Return the payment gateway that ``flask_app`` speaks to."""
    found: PaymentGateway = flask_app.extensions["linli_gateway"]
    return found


def assemble(settings: Settings) -> Flask:
    """Return the web application for ``settings``; every endpoint guarded, or it does not start."""
    _configure_logging()
    sealing.configure(sealing.Keyring(settings.data_keys, settings.index_key, settings.code_pepper))
    flask_app = Application("app", static_folder=None)
    flask_app.url_map.merge_slashes = False  # no redirects: a path is a route's or nobody's
    flask_app.config.update(
        LINLI=settings,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=_engine_options(settings),
        MAX_CONTENT_LENGTH=BODY_BYTES_MAX,
        PROPAGATE_EXCEPTIONS=False,
        **_token_config(settings),
    )
    db.init_app(flask_app)
    JWTManager(flask_app)
    flask_app.extensions["linli_verifier"] = tokens.Verifier(settings.token_keys)
    flask_app.extensions["linli_gateway"] = StripeClient(
        api_base=settings.stripe_api_base,
        secret_key=settings.stripe_secret_key,
        webhooks=WebhookVerifier(settings.stripe_webhook_secrets),
    )
    flask_app.extensions["linli_messages"] = _messages(settings)
    flask_app.extensions["linli_identity_checker"] = _identity_checker(settings)
    flask_app.extensions["linli_billers"] = _billers(settings)
    flask_app.extensions["linli_pictures"] = _pictures(settings)
    problems.install(flask_app)
    for door in (*DOORS, gateway.door, pages.door):
        flask_app.register_blueprint(door)
    if settings.is_sandboxed:
        flask_app.register_blueprint(pages.development_door)
    limit_requests(flask_app, settings)
    allow_origins(flask_app, settings)
    placed = Placed(flask_app.wsgi_app, Places(settings.places))
    gathered = Gathered(placed, _gatherings(flask_app))
    headed = SecurityHeaders(gathered, is_https=settings.public_url.startswith("https://"))
    flask_app.wsgi_app = headed  # type: ignore[method-assign]  # the way of wrapping that Flask names
    if settings.proxy_hops:
        hops = ProxyFix(flask_app.wsgi_app, x_for=settings.proxy_hops, x_proto=0, x_host=0, x_port=0, x_prefix=0)
        flask_app.wsgi_app = hops  # type: ignore[method-assign]
    refuse_unguarded(flask_app)
    if not settings.is_sandboxed:
        _refuse_moved_clock(flask_app)
    return flask_app


def _gatherings(flask_app: Flask) -> dict[tuple[str, str], Gathering]:
    return {
        (method, rule.rule): operation.gathering
        for rule in flask_app.url_map.iter_rules()
        for method in rule.methods or ()
        if (operation := getattr(flask_app.view_functions[rule.endpoint], "operation", None)) and operation.gathering
    }


def _refuse_moved_clock(flask_app: Flask) -> None:
    """Refuse to serve real people by a clock that a test has moved."""
    with flask_app.app_context(), transaction() as tx:
        if is_moved(tx):
            raise SettingsError("business_clock is moved: this database was used for development or tests")


def _messages(settings: Settings) -> "TextMessages":
    if settings.sms_url is not None and settings.sms_key is not None:
        return HttpMessages(settings.sms_url, settings.sms_key)
    return SandboxMessages()


def _identity_checker(settings: Settings) -> "IdentityChecker":
    if settings.identity_url is not None and settings.identity_key is not None:
        return HttpIdentityChecker(settings.identity_url, settings.identity_key)
    return SandboxIdentityChecker() if settings.is_sandboxed else NoIdentityChecker()


def _billers(settings: Settings) -> "Biller":
    if settings.biller_url is None or settings.biller_key is None:
        return NoBillers()
    return HttpBillers(settings.biller_url, settings.biller_key)


def _pictures(settings: Settings) -> "PictureStore":
    if settings.s3_url is None:
        return FolderPictures(Path(settings.pictures_dir))
    url = settings.s3_url.rstrip("/")
    return S3Pictures(url, settings.s3_bucket, settings.s3_region, settings.s3_key_id, settings.s3_secret)


def _engine_options(settings: Settings) -> dict[str, Any]:
    options = " ".join(f"-c {name}={value}" for name, value in _SESSION.items())
    return {
        "pool_size": settings.pool_size,
        "max_overflow": 0,
        "pool_timeout": 5,
        "pool_pre_ping": False,
        "pool_reset_on_return": None,  # a connection comes back with its transaction ended
        "hide_parameters": True,
        "connect_args": {"options": options, **SERVER_MISSED_WITHIN},
    }


def _token_config(settings: Settings) -> dict[str, Any]:
    seed = next(iter(settings.token_keys.values()))
    private = Ed25519PrivateKey.from_private_bytes(seed)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return {
        "JWT_ALGORITHM": tokens.ALGORITHM,
        "JWT_PRIVATE_KEY": pem.decode(),
        "JWT_PUBLIC_KEY": public.decode(),
        "JWT_ACCESS_TOKEN_EXPIRES": tokens.LIFETIME_S,
        "JWT_ENCODE_ISSUER": tokens.ISSUER,
    }


def _configure_logging() -> None:
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(),
    )
