"""The sandbox's process: its routes, behind the server of the sandbox gateway. Dies with one ``kill -9``."""

import hmac
import re
import signal
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, request

from app.adapters.sandbox_biller.book import LOCK_S, PREPAID, Bill, Book, Payment, exists
from app.adapters.sandbox_biller.faults import BillerFaults, Dice
from app.adapters.sandbox_gateway.api import LOST
from app.adapters.sandbox_gateway.server import Server
from app.core.bills.files import FileLine, bill_file

_KEY = re.compile(r"[A-Za-z0-9_.:-]{8,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How this sandbox behaves."""

    host: str
    port: int
    data: Path
    key: str
    seed: int
    faults: BillerFaults


def make_app(options: Options) -> Flask:  # noqa: C901 - one function a route
    """Return the routes."""
    app, book = Flask(__name__), Book(options.data)
    state = {"dice": Dice(options.faults, str(options.seed))}

    @app.before_request
    def admit() -> tuple[Response, int] | None:
        if not request.path.startswith("/v1/"):
            return None
        if state["dice"].hits("down"):
            return jsonify(error="down"), 503
        given = request.headers.get("Authorization", "")
        return None if hmac.compare_digest(given, f"Bearer {options.key}") else (jsonify(error="key"), 401)

    @app.get("/health")
    def health() -> str:
        return "ok"

    @app.put("/sandbox/faults")
    def set_faults() -> Any:
        try:
            plan = BillerFaults().changed(request.get_json())
        except ValueError as error:
            return jsonify(error=str(error)), 422
        state["dice"] = Dice(plan, str(options.seed))
        return jsonify(plan.as_dict())

    @app.put("/sandbox/billers/<biller>/accounts/<number>/bills/<bill_no>")
    def put_bill(biller: str, number: str, bill_no: str) -> Any:
        given = request.get_json()
        book.put_bill(biller, number, Bill(bill_no, given["month"], given["due_on"], int(given["amount_fen"]), 0))
        return jsonify(bill_no=bill_no)

    @app.get("/v1/billers/<biller>/accounts/<number>")
    def ask(biller: str, number: str) -> Any:
        if not exists(number):
            return jsonify(error="no_such_account"), 404
        bills = [{**asdict(bill), "lock": lock} for bill, lock in book.bills(biller, number)]
        balance = book.balance_fen(biller, number) if biller.endswith(PREPAID) else None
        return jsonify(balance_fen=balance, lock_s=LOCK_S, bills=bills)

    @app.post("/v1/payments")
    def pay() -> Any:
        return _pay(book, state["dice"])

    @app.get("/v1/payments/<key>")
    def look(key: str) -> Any:
        payment = book.payment(key)
        return (jsonify(error="no_such_payment"), 404) if payment is None else jsonify(_told(payment))

    @app.get("/v1/billers/<biller>/files/<day>")
    def daily_file(biller: str, day: str) -> Response:
        return Response(_file(book, state["dice"], biller, day), mimetype="text/csv")

    return app


def _pay(book: Book, dice: Dice) -> Any:
    key, given = request.headers.get("Idempotency-Key", ""), request.get_json(silent=True)
    if not _KEY.fullmatch(key) or not isinstance(given, dict):
        return jsonify(error="malformed"), 400
    if dice.hits("lost_request"):
        request.environ[LOST] = True
        return ""
    if dice.hits("error_500"):
        return jsonify(error="inside"), 500
    if dice.hits("slow"):
        time.sleep(dice.plan.slow_s)
    is_forgotten = dice.hits("forget")
    refusal = "refused_by_chance" if is_forgotten or dice.hits("refuse") else None
    wait_s = dice.plan.processing_s if dice.hits("processing") else 0.0
    payment = book.pay(
        key,
        str(given.get("biller")),
        str(given.get("number")),
        given.get("bill_no"),
        given.get("lock"),
        int(given.get("amount_fen", 0)),
        refusal=refusal,
        wait_s=wait_s,
    )
    if is_forgotten and payment is not None:
        book.book_refused(key)
    if dice.hits("lost_reply"):
        request.environ[LOST] = True
        return ""
    return (jsonify(error="key_reused"), 409) if payment is None else jsonify(_told(payment))


def _told(payment: Payment) -> dict[str, Any]:
    names = ("key", "state", "amount_fen", "reference", "booked_on", "refusal")
    return {name: getattr(payment, name) for name in names}


def _file(book: Book, dice: Dice, biller: str, day: str) -> str:
    lines = []
    for one in book.booked(biller, day):
        if not dice.hits("missing_line"):
            lines += [FileLine(one.key, one.reference, one.amount_fen)] * (2 if dice.hits("duplicate") else 1)
    if dice.hits("extra_line"):
        lines.append(FileLine("nobodys-payment", "BL0", 100))
    return "".join(bill_file(biller, day, lines))  # type: ignore[arg-type]  # the day as it was asked for


def serve(options: Options) -> None:
    """Run until SIGTERM or SIGINT.

    :raises OSError: the port is in use.
    """
    server = Server((options.host, options.port), make_app(options))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    try:
        server.serve_forever(poll_interval=0.1)
    finally:
        server.server_close()
