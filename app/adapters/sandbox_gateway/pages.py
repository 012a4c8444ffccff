"""A person's door, ``/`` and ``/scan/…``, to play WeChat; and the same for programs, in JSON: ``/sandbox/…``.

Nothing here asks who is there: the process listens on loopback and holds play money only.
"""

import dataclasses
import json
from typing import Any

from flask import Blueprint, Response, abort, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from app.adapters.sandbox_gateway import qr
from app.adapters.sandbox_gateway.faults import Dice
from app.adapters.sandbox_gateway.moves import Moves
from app.adapters.sandbox_gateway.objects import CARDS, ApiError, Json
from app.adapters.sandbox_gateway.store import Rows, Store

RECENT_MAX = 50
STATUS_WORDS = {
    "requires_action": "待扫码 · waiting to be scanned",
    "requires_payment_method": "未支付 · waiting for a card, refused or expired",
    "requires_confirmation": "未确认 · not confirmed",
    "succeeded": "已支付 · paid",
    "canceled": "已取消 · canceled",
}


def yuan(fen: int) -> str:
    """Return ``fen`` as ``¥12.34``."""
    return f"¥{fen // 100:,}.{fen % 100:02d}"


def blueprint(store: Store, moves: Moves, dice: Dice) -> Blueprint:  # noqa: C901, PLR0915 - a list of routes, not one decision
    """Return the routes."""
    pages = Blueprint("pages", __name__, template_folder="templates")
    pages.app_template_filter("yuan")(yuan)
    pages.register_error_handler(ApiError, lambda error: (jsonify(error.body), error.status))
    pages.register_error_handler(ValueError, lambda error: (jsonify(error={"message": str(error)}), 400))

    def intent_or_404(intent_id: str) -> Json:
        return store.read().get(intent_id, "payment_intent") or abort(404)

    @pages.after_request
    def keep_still(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; img-src data: 'self'; style-src 'unsafe-inline'; form-action 'self'; "
            "frame-ancestors 'none'"
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    @pages.get("/")
    def recent() -> str:
        found = store.read().connection.execute(
            "SELECT body FROM thing WHERE kind = 'payment_intent' ORDER BY seq DESC LIMIT ?", (RECENT_MAX,)
        )
        owed = store.read().connection.execute("SELECT count(*) FROM delivery WHERE due_at IS NOT NULL").fetchone()[0]
        intents = [json.loads(row[0]) for row in found]
        return render_template("recent.html", intents=intents, words=STATUS_WORDS, owed=owed, plan=dice.plan.as_dict())

    @pages.get("/health")
    def health() -> Response:
        return jsonify(status="ok")

    @pages.get("/scan/<intent_id>")
    def scan(intent_id: str) -> str:
        intent = intent_or_404(intent_id)
        disputes = store.read().children(intent_id, "dispute")
        return render_template("scan.html", intent=intent, disputes=disputes, words=STATUS_WORDS)

    @pages.post("/scan/<intent_id>")
    def decide(intent_id: str) -> AnyResponse:
        act = request.form.get("act", "")
        try:
            if act in CARDS:
                store.write(lambda rows: moves.give_card(rows, intent_id, act))
            elif act == "dispute":
                store.write(lambda rows: moves.open_dispute(rows, intent_id, amount=None, reason="general"))
            elif act in {"won", "lost"}:
                for dispute in store.read().children(intent_id, "dispute"):
                    _decide(store, moves, dispute["id"], act)
            else:
                move = moves.pay if act == "pay" else moves.refuse
                store.write(lambda rows: move(rows, intent_id))
        except ApiError as error:
            if error.status == 404:  # noqa: PLR2004 - no such intent
                abort(404)
            # Paid, refused or expired in the meantime: the page shows what it is now.
        return redirect(f"/scan/{intent_id}", 303)

    @pages.get("/qr/<intent_id>.<any(png, svg):kind>")
    def code(intent_id: str, kind: str) -> Response:
        action = intent_or_404(intent_id)["next_action"] or {}
        text = (action.get("wechat_pay_display_qr_code") or abort(404))["data"]
        if kind == "svg":
            return Response(qr.svg(text), content_type="image/svg+xml")
        return Response(qr.png(text), content_type="image/png")

    @pages.post("/sandbox/payment_intents/<intent_id>/pay")
    def pay(intent_id: str) -> Response:
        return jsonify(store.write(lambda rows: moves.pay(rows, intent_id)))

    @pages.post("/sandbox/payment_intents/<intent_id>/cards/<card>")
    def give_card(intent_id: str, card: str) -> Response:
        return jsonify(store.write(lambda rows: moves.give_card(rows, intent_id, card)))

    @pages.post("/sandbox/payment_intents/<intent_id>/refuse")
    def refuse(intent_id: str) -> Response:
        return jsonify(store.write(lambda rows: moves.refuse(rows, intent_id)))

    @pages.post("/sandbox/refunds/<refund_id>/fail")
    def fail_refund(refund_id: str) -> Response:
        return jsonify(store.write(lambda rows: moves.finish_refund(rows, refund_id, is_ok=False)))

    @pages.post("/sandbox/events/<event_id>/resend")
    def resend(event_id: str) -> Response:
        def owe(rows: Rows) -> None:
            if rows.get(event_id, "event") is None:
                raise ApiError(404, "resource_missing", "No such event.", param="id")
            now = moves.clock()
            rows.connection.execute(
                "INSERT INTO delivery (event_id, first_at, due_at) VALUES (?, ?, ?)", (event_id, now, now)
            )

        store.write(owe)
        return jsonify(resent=event_id)

    @pages.get("/sandbox/owed")
    def owed() -> Response:
        """Say what is still to come by itself: notices that nobody took, refunds that end or come back."""
        count = store.read().connection.execute(
            "SELECT (SELECT count(*) FROM delivery WHERE due_at IS NOT NULL),"
            " (SELECT count(*) FROM thing WHERE due_at IS NOT NULL AND kind = 'refund')"
        )
        return jsonify(dict(zip(("notices", "refunds"), count.fetchone(), strict=True)))

    @pages.get("/sandbox/faults")
    def faults() -> Response:
        return jsonify(dice.plan.as_dict())

    @pages.put("/sandbox/faults")
    def set_faults() -> Response:
        """Replace the plan: what is not named goes back to its default."""
        given: Any = request.get_json()
        if not isinstance(given, dict):
            raise ValueError("faults are an object of numbers")  # noqa: TRY004 - one kind of refusal for one kind of input
        dice.plan = type(dice.plan)().changed(given)
        return jsonify(dataclasses.asdict(dice.plan))

    _add_disputes(pages, store, moves)
    return pages


def _add_disputes(pages: Blueprint, store: Store, moves: Moves) -> None:
    @pages.post("/sandbox/payment_intents/<intent_id>/dispute")
    def dispute(intent_id: str) -> Response:
        """Play the payer's bank: ``amount`` fen, ``reason`` and ``inquiry=true`` may be in the query."""
        given = request.args
        return jsonify(
            store.write(
                lambda rows: moves.open_dispute(
                    rows,
                    intent_id,
                    amount=int(given["amount"]) if "amount" in given else None,
                    reason=given.get("reason", "general")[:40],
                    is_inquiry=given.get("inquiry") == "true",
                )
            )
        )

    @pages.post("/sandbox/disputes/<dispute_id>/<any(won, lost):how>")
    def decide_dispute(dispute_id: str, how: str) -> Response:
        return jsonify(_decide(store, moves, dispute_id, how))

    @pages.post("/sandbox/disputes/<dispute_id>/escalated")
    def escalate_dispute(dispute_id: str) -> Response:
        return jsonify(store.write(lambda rows: moves.escalate_dispute(rows, dispute_id)))


def _decide(store: Store, moves: Moves, dispute_id: str, how: str) -> Json:
    return store.write(lambda rows: moves.decide_dispute(rows, dispute_id, is_won=how == "won"))
