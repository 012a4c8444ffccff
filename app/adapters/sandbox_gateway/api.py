"""Stripe's door: ``/v1/…`` with Stripe's authentication, idempotency, errors and lists.

The faults of a request are played here: slowness before the effect, a 500 before the effect, a lost reply after it.
"""

import hashlib
import hmac
import threading
import time
from collections.abc import Callable, Mapping

import orjson
from flask import Blueprint, Response, current_app, g, request

from app.adapters.sandbox_gateway import objects, parameters
from app.adapters.sandbox_gateway.daily_file import daily_file
from app.adapters.sandbox_gateway.faults import Dice
from app.adapters.sandbox_gateway.moves import Moves
from app.adapters.sandbox_gateway.objects import ApiError, Json
from app.adapters.sandbox_gateway.store import Rows, Store

KEY_LENGTH_MAX = 255
LIMIT_DEFAULT = 10
LOST = "linli.lost_reply"
"""Key in the WSGI environment by which the server is told to close the connection instead of answering."""

Move = Callable[[Rows, Json, str | None], Json]


class Door:
    """The calls of the API, over the gateway's hands."""

    def __init__(self, store: Store, moves: Moves, dice: Dice, secret_key: str) -> None:
        self._store, self._moves, self._dice = store, moves, dice
        self._credentials = f"Bearer {secret_key}".encode()
        self._keys_in_use: set[str] = set()
        self._lock = threading.Lock()

    def blueprint(self) -> Blueprint:  # noqa: C901 - a list of routes, not one decision
        """Return the routes."""
        v1 = Blueprint("v1", __name__, url_prefix="/v1")
        v1.before_request(self._enter)
        v1.after_request(self._leave)
        v1.register_error_handler(ApiError, lambda error: _answer(error.status, orjson.dumps(error.body)))
        moves = self._moves

        @v1.post("/payment_intents")
        def create_intent() -> Response:
            return self._change(parameters.CREATE_INTENT, ("amount", "currency"), moves.create_intent)

        @v1.post("/payment_intents/<intent_id>/confirm")
        def confirm_intent(intent_id: str) -> Response:
            return self._change(
                parameters.PAYMENT_METHOD,
                (),
                lambda rows, given, key: moves.confirm_intent(rows, intent_id, given, key),
            )

        @v1.post("/payment_intents/<intent_id>/cancel")
        def cancel_intent(intent_id: str) -> Response:
            return self._change(
                parameters.CANCEL_INTENT, (), lambda rows, given, key: moves.cancel_intent(rows, intent_id, given, key)
            )

        @v1.post("/refunds")
        def create_refund() -> Response:
            return self._change(parameters.CREATE_REFUND, (), moves.create_refund)

        @v1.post("/disputes/<dispute_id>")
        def answer_dispute(dispute_id: str) -> Response:
            return self._change(
                parameters.UPDATE_DISPUTE,
                (),
                lambda rows, given, key: moves.answer_dispute(rows, dispute_id, given, key),
            )

        @v1.post("/disputes/<dispute_id>/close")
        def close_dispute(dispute_id: str) -> Response:
            return self._change({}, (), lambda rows, _given, key: moves.accept_dispute(rows, dispute_id, key))

        for path, kind in (
            ("payment_intents", "payment_intent"),
            ("refunds", "refund"),
            ("disputes", "dispute"),
            ("events", "event"),
            ("balance_transactions", "balance_transaction"),
        ):
            v1.add_url_rule(f"/{path}", f"list_{kind}", _with(self._list, kind=kind, url=f"/v1/{path}"))
        for path, kind in (
            ("payment_intents", "payment_intent"),
            ("refunds", "refund"),
            ("charges", "charge"),
            ("disputes", "dispute"),
            ("events", "event"),
            ("balance_transactions", "balance_transaction"),
        ):
            v1.add_url_rule(f"/{path}/<thing_id>", f"retrieve_{kind}", _with(self._retrieve, kind=kind))

        @v1.get("/balance_files/<day>")
        def balance_file(day: str) -> Response:
            lines = daily_file(self._store.read(), day, self._dice)
            return current_app.response_class("".join(lines), content_type="text/csv")

        @v1.route("/<path:_path>", methods=["GET", "POST", "DELETE"])
        def unknown(_path: str) -> Response:
            raise ApiError(404, None, f"Unrecognized request URL ({request.method}: {request.path[:200]}).")

        return v1

    def _enter(self) -> None:
        """Check the key, then let the day's bad luck begin."""
        g.request_id = objects.new_id("req")
        given = request.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, self._credentials):
            raise ApiError(401, None, "The API key is missing or not the sandbox's test key.")

    def _leave(self, response: Response) -> Response:
        response.headers["Request-Id"] = g.request_id
        response.headers["Stripe-Version"] = request.headers.get("Stripe-Version", "2020-08-27")
        if response.status_code != 401 and self._dice.hits("lost_reply"):  # noqa: PLR2004 - a stranger sees no faults
            request.environ[LOST] = True
        return response

    def _bad_luck(self) -> bool:
        """Be slow when the dice say so; return whether the request fails before its effect."""
        if self._dice.hits("slow"):
            time.sleep(self._dice.plan.slow_s)
        return self._dice.hits("error_500")

    def _retrieve(self, thing_id: str, kind: str) -> Response:
        parameters.shaped(parameters.nest(request.args.items(multi=True)), {})
        if self._bad_luck():
            raise _down()
        thing = self._store.read().get(thing_id, kind)
        if thing is None:
            param = {"payment_intent": "intent"}.get(kind, "id")
            raise ApiError(404, "resource_missing", f"No such {kind}: {thing_id[:100]}", param=param)
        return _answer(200, orjson.dumps(thing))

    def _list(self, kind: str, url: str) -> Response:
        given = parameters.shaped(parameters.nest(request.args.items(multi=True)), parameters.LISTS[kind])
        if self._bad_luck():
            raise _down()
        items, has_more = _page(self._store.read(), kind, given)
        return _answer(200, orjson.dumps(objects.listed(items, url=url, has_more=has_more)))

    def _change(self, rules: Mapping[str, parameters.Rule], needed: tuple[str, ...], move: Move) -> Response:
        """Do ``move`` once for an idempotency key, however often it is asked for."""
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return _answer(*self._do(None, "", rules, needed, move)[:2])
        if not 1 <= len(key) <= KEY_LENGTH_MAX:
            raise ApiError(400, None, "An idempotency key has 1 to 255 characters.", kind="idempotency_error")
        with self._lock:
            if key in self._keys_in_use:
                raise ApiError(409, "idempotency_key_in_use", "A request under this key is still under way.")
            self._keys_in_use.add(key)
        try:
            status, body, is_replayed = self._do(key, _request_hash(), rules, needed, move)
        finally:
            with self._lock:
                self._keys_in_use.discard(key)
        response = _answer(status, body)
        response.headers["Idempotency-Key"] = key
        if is_replayed:
            response.headers["Idempotent-Replayed"] = "true"
        return response

    def _do(
        self,
        key: str | None,
        request_hash: str,
        rules: Mapping[str, parameters.Rule],
        needed: tuple[str, ...],
        move: Move,
    ) -> tuple[int, str, bool]:
        """Return status, body, and whether they are an older request's."""
        stored = None if key is None else _stored(self._store.read(), key, request_hash)
        if stored is not None:
            return *stored, True
        given = parameters.shaped(parameters.nest(request.form.items(multi=True)), rules)
        parameters.required(given, *needed)
        is_down = self._bad_luck()

        def change(rows: Rows) -> tuple[int, str]:
            try:
                if is_down:
                    raise _down()
                status, body = 200, move(rows, given, key)
            except ApiError as error:
                if not error.is_stored:
                    raise
                status, body = error.status, error.body
            text = orjson.dumps(body).decode()
            if key is not None:
                rows.connection.execute(
                    "INSERT INTO answer (key, request_hash, status, body, stored_at) VALUES (?, ?, ?, ?, ?)",
                    (key, request_hash, status, text, time.time()),
                )
            return status, text

        return *self._store.write(change), False


def _with(view: Callable[..., Response], **fixed: str) -> Callable[..., Response]:
    def call(**given: str) -> Response:
        return view(**fixed, **given)

    return call


def _answer(status: int, body: str | bytes) -> Response:
    return current_app.response_class(body, status=status, content_type="application/json")


def _down() -> ApiError:
    return ApiError(500, None, "The sandbox was told to fail here.", kind="api_error", is_stored=True)


def _request_hash() -> str:
    """Return what makes two requests the same: method, path and every parameter."""
    pairs = sorted(request.form.items(multi=True))
    return hashlib.sha256(orjson.dumps([request.method, request.path, pairs])).hexdigest()


def _stored(rows: Rows, key: str, request_hash: str) -> tuple[int, str] | None:
    row = rows.connection.execute("SELECT request_hash, status, body FROM answer WHERE key = ?", (key,)).fetchone()
    if row is None:
        return None
    if row[0] != request_hash:
        raise ApiError(
            400, None, "This idempotency key was used before, with other parameters.", kind="idempotency_error"
        )
    return row[1], row[2]


def _page(rows: Rows, kind: str, given: Json) -> tuple[list[Json], bool]:
    """Return one page, newest first, and whether more follow in the direction of reading."""
    where, values = ["kind = ?"], [kind]
    for name, sign in (("gt", ">"), ("gte", ">="), ("lt", "<"), ("lte", "<=")):
        if name in given.get("created", {}):
            where.append(f"created {sign} ?")
            values.append(given["created"][name])
    if "payment_intent" in given:
        where.append("parent = ?")
        values.append(given["payment_intent"])
    for name in {"charge", "type", "source"} & given.keys():
        where.append(f"json_extract(body, '$.{name}') = ?")
        values.append(given[name])
    for name, sign in (("starting_after", "<"), ("ending_before", ">")):
        if name in given:
            row = rows.connection.execute(
                "SELECT seq FROM thing WHERE id = ? AND kind = ?", (given[name], kind)
            ).fetchone()
            if row is None:
                raise ApiError(400, "resource_missing", f"No such {kind}: {given[name][:100]}", param=name)
            where.append(f"seq {sign} ?")
            values.append(row[0])
    limit = given.get("limit", LIMIT_DEFAULT)
    is_backward = "ending_before" in given
    found = rows.connection.execute(
        # Every part comes from the constants above; values are bound.
        f"SELECT body FROM thing WHERE {' AND '.join(where)} ORDER BY seq {'ASC' if is_backward else 'DESC'} LIMIT ?",
        (*values, limit + 1),
    ).fetchall()
    items = [orjson.loads(row[0]) for row in found[:limit]]
    return (items[::-1] if is_backward else items), len(found) > limit
