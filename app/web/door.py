"""A door: one side's routes. A view translates and nothing more; what all views share happens here.

In order: token → query → Idempotency-Key → body → view → answer. A view gets what it declares::

    @door.post("/orders/<uuid:order_id>/acceptance", answer=OrderMovedOut, once=True)
    @policy("order.accept", Relation.OWN_SHOP)
    def accept(actor: Actor, *, claim: Claim, order_id: UUID) -> OrderMoved:
        return accept_order(actor, claim, order_id=order_id)
"""

import hashlib
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass, replace
from functools import partial, wraps
from typing import Any, TypeVar
from uuid import UUID

import orjson
from flask import Blueprint, Response, current_app, request
from marshmallow import ValidationError
from sqlalchemy.exc import DBAPIError
from werkzeug.datastructures import MultiDict

from app.core.passkeys.rules import is_needed
from app.kernel import audit
from app.kernel.actor import Actor, Side
from app.kernel.audit import Act, Outcome
from app.kernel.errors import Forbidden, Invalid, LinliError
from app.kernel.transaction import Claim, Replayed, transaction
from app.settings import Environment
from app.usecases.people import standing
from app.web.application import Gathering
from app.web.fields import Body
from app.web.policy import policy_of
from app.web.problems import FileLacking, InputInvalid, NotJson
from app.web.replies import as_kept, reply
from app.web.tokens import TokenInvalid

View = TypeVar("View", bound=Callable[..., Any])

BODY_BYTES_MAX = 256 * 1024
_KEY = re.compile(r"[\x21-\x7e]{8,128}")
_RETRYABLE = frozenset({"40P01", "40001"})
_TRIES_MAX = 3


class IdempotencyKeyNeeded(Invalid):
    """A request that moves money or orders needs an ``Idempotency-Key``: 8 to 128 visible ASCII characters."""

    code = "idempotency_key_needed"
    title = "Idempotency-Key needed"


@dataclass(frozen=True, slots=True)
class Operation:
    """What OpenAPI tells of a view."""

    body: Body | None
    query: Body | None
    answer: Body | None
    status: int
    is_once: bool
    finish: Callable[[Actor, dict[str, Any]], dict[str, Any]] | None = None
    """Makes the answer from a kept result, on first answer and repeat alike."""
    opens_in_standing: bool = False
    """The use case's opening reads whether the asker is in standing, so that no statement has to ask before it."""
    pages: tuple[str, ...] = ()
    """Media types of an answer that is a whole page and has no schema."""
    upload: int | None = None
    """The body is a file of at most so many bytes; the view gets it as ``file``."""
    gathering: Gathering | None = None
    """Answers may be late when many ask; the path has no variables."""


class Door(Blueprint):
    """The routes of one side, under ``/<name>/v1``."""

    def __init__(self, name: str, import_name: str, *, side: Side | None, prefix: str | None = None) -> None:
        super().__init__(name, import_name, url_prefix=f"/{name}/v1" if prefix is None else prefix)
        self.side = side
        self.views: list[Callable[..., Any]] = []

    def get(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Add a read."""
        return self._route(rule, "GET", **options)

    def post(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Add an act."""
        return self._route(rule, "POST", **options)

    def put(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Add a replacement."""
        return self._route(rule, "PUT", **options)

    def delete(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Add a removal."""
        return self._route(rule, "DELETE", **options)

    def _route(
        self,
        rule: str,
        method: str,
        *,
        answer: type[Body] | None = None,
        body: type[Body] | None = None,
        query: type[Body] | None = None,
        status: int = 200,
        once: bool = False,
        finish: Callable[[Actor, dict[str, Any]], dict[str, Any]] | None = None,
        pages: tuple[str, ...] = (),
        opens_in_standing: bool = False,
        upload: int | None = None,
        gathering: Gathering | None = None,
    ) -> Callable[[View], View]:
        operation = Operation(
            body=body() if body else None,
            query=query() if query else None,
            answer=answer() if answer else None,
            status=status,
            is_once=once,
            finish=finish,
            pages=pages,
            opens_in_standing=opens_in_standing,
            upload=upload,
            gathering=gathering,
        )

        def add(view: View) -> View:
            self.views.append(view)
            self.add_url_rule(rule, endpoint=view.__name__, view_func=self._serve(view, operation), methods=[method])
            return view

        return add

    def _serve(self, view: Callable[..., Any], operation: Operation) -> Callable[..., Response]:
        declared = policy_of(view)
        assert declared is not None, f"{view.__name__} has no policy"
        side = self.side

        @wraps(view)
        def serve(**path: Any) -> Response:
            audit.came_from(request.remote_addr)
            if not declared.needs_token:
                return _respond(view, operation, None, declared.verb, path, lambda: None)
            actor = authenticate(side)
            presumed = None
            if operation.opens_in_standing:
                presumed = standing.presume(actor, declared.verb, needs_passkey=needs_passkey(actor.side))
            if presumed is None:
                return _respond(view, operation, _admit(actor, declared.verb, path), declared.verb, path, lambda: None)
            # Who is not in standing learns that, and nothing else: neither another refusal nor a kept answer.
            admit = partial(_admit, actor, declared.verb, path)
            try:
                return _respond(view, operation, presumed, declared.verb, path, admit)
            except LinliError:
                admit()
                raise

        serve.operation = operation  # type: ignore[attr-defined]
        return serve


def _respond(  # noqa: PLR0917 - what a request is made of
    view: Callable[..., Any],
    operation: Operation,
    actor: Actor | None,
    verb: str,
    path: Mapping[str, Any],
    before_repeat: Callable[[], object],
) -> Response:
    """Parse the request, call the view and answer; ``before_repeat`` runs before a kept answer is given again."""
    given: dict[str, Any] = dict(path)
    args = () if actor is None else (actor,)
    if operation.query is not None:
        given["query"] = _load(operation.query, _query_of(request.args))
    payload: object = None
    if operation.body is not None:
        payload = _json_of(request.get_data(cache=False))
        given["body"] = _load(operation.body, payload)
    if operation.upload is not None:
        request.max_content_length = operation.upload
        given["file"] = request.get_data(cache=False)
        if not given["file"] or request.mimetype == "multipart/form-data":
            raise FileLacking
        payload = [given.get("query"), hashlib.sha256(given["file"]).hexdigest()]
    if not operation.is_once:
        return _answer(view(*args, **given), operation)
    assert actor is not None, "who acts once has a token"
    given["claim"] = _claim(actor, view.__name__, verb, path, payload)
    try:
        result = _perform(view, args, given)
    except Replayed as replayed:
        before_repeat()
        result = dict(replayed.result)
    return _answer(operation.finish(actor, result) if operation.finish else result, operation)


def authenticate(side: Side | None) -> Actor:
    """Return who holds the request's bearer token.

    :raises TokenInvalid: there is none, or it does not stand up for this side.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise TokenInvalid
    actor: Actor = current_app.extensions["linli_verifier"].verify(token.strip(), side)
    return actor


def needs_passkey(side: Side) -> bool:
    """Say whether sessions at ``side`` are to begin with a passkey, by the settings."""
    return is_needed(side, is_required=current_app.config["LINLI"].is_staff_passkey_required)


def _admit(actor: Actor, verb: str, path: Mapping[str, Any]) -> Actor:
    """Return the actor in standing; one who is refused for the role or the account leaves that in the audit log."""
    try:
        return standing.stand(actor, verb, needs_passkey=needs_passkey(actor.side))
    except Forbidden:
        with transaction() as tx:
            tx.leave_act(replace(_act(actor, verb, path), outcome=Outcome.REFUSED))
        raise


def _query_of(args: MultiDict[str, str]) -> dict[str, str]:
    """Return the query string by name.

    :raises InputInvalid: a name stands there twice: which of the two was meant is not for us to guess.
    """
    twice = [name for name, values in args.lists() if len(values) > 1]
    if twice:
        raise InputInvalid.of(ValidationError({name: ["field_twice"] for name in twice}))
    return args.to_dict()


def _json_of(raw: bytes) -> object:
    try:
        return orjson.loads(raw or b"{}")
    except orjson.JSONDecodeError:
        raise NotJson from None


def _load(schema: Body, given: object) -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = schema.load(given)  # type: ignore[arg-type]
    except ValidationError as error:
        raise InputInvalid.of(error) from None
    return loaded


def _claim(actor: Actor, operation: str, verb: str, path: Mapping[str, Any], payload: object) -> Claim:
    key = request.headers.get("Idempotency-Key", "")
    if not _KEY.fullmatch(key):
        raise IdempotencyKeyNeeded(pointer="Idempotency-Key")
    text = orjson.dumps(
        [operation, {name: str(value) for name, value in path.items()}, payload], option=orjson.OPT_SORT_KEYS
    )
    return Claim(actor.account_id, operation, key, hashlib.sha256(text).digest(), _act(actor, verb, path))


def _act(actor: Actor, verb: str, path: Mapping[str, Any]) -> Act:
    """Return what the audit log tells of the request: its subject is the last id of its path."""
    named = [(name, value) for name, value in path.items() if isinstance(value, UUID)]
    if not named:
        return Act(verb=verb, actor=actor)
    name, subject_id = named[-1]
    return Act(verb=verb, actor=actor, subject_kind=name.removesuffix("_id"), subject_id=subject_id)


def _perform(view: Callable[..., Any], args: tuple[Actor, ...], given: Mapping[str, Any]) -> Any:
    """Run a view that acts once; a lost deadlock is tried again with the same key.

    :raises Replayed: the request is a repeat.
    """
    for attempt in range(1, _TRIES_MAX + 1):
        try:
            result = view(*args, **given)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in _RETRYABLE or attempt == _TRIES_MAX:
                raise
            time.sleep(random.uniform(0, 0.02 * attempt))  # noqa: S311 - jitter, not a secret
        else:
            return as_kept(result) if is_dataclass(result) else result
    raise AssertionError("unreachable")


def _answer(result: Any, operation: Operation) -> Response:
    if isinstance(result, Response):
        return result
    if operation.answer is None:
        return Response(status=204, headers={"Cache-Control": "no-store"})
    response = reply(result, operation.status)
    if current_app.config["LINLI"].environment is Environment.TEST:
        operation.answer.load(orjson.loads(response.get_data()))
    return response
