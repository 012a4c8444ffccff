"""Every route, as everybody, on everything: what it answers against what the permission table says.

The routes are those of the running application, so a new one is tried without a word here. What is expected comes from
a copy of the table that was taken before any mutant touched it.
"""

from __future__ import annotations

import copy
import re
import time
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from app.core.accounts.permissions import BROWSING, PARTS, PERMISSIONS, Part
from app.kernel.actor import Side
from app.kernel.ids import new_id
from app.web.fields import Choice, Day, Degrees, Fen, Flag, Id, Instant, Int, Many, Pattern, Text
from app.web.hours import Hours
from app.web.policy import Policy, policy_of
from app.web.policy import Relation as Ties
from tests.authorization.world import AFTER, BARCODE, BEFORE, BODIES, SUBJECTS, Principal, Relation, World
from tests.factories.people import idempotent, signed_in
from tests.factories.rows import change
from tests.support.forged_tokens import sound_token

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from uuid import UUID

    from flask import Flask
    from marshmallow import Schema
    from werkzeug.test import TestResponse

TABLE = copy.deepcopy({side: dict(table) for side, table in PERMISSIONS.items()})
"""The permission table as it was when this was loaded."""

DENIED = {
    401: {"token_invalid", "session_ended"},
    403: {"not_permitted", "no_membership", "account_suspended", "courier_suspended"},
}
NOT_HERE = {"404 route_not_found", "405 method_not_allowed", "400 request_malformed"}
OWNED = {Ties.OWN, Ties.OWN_SHOP, Ties.OWN_STORE, Ties.OWN_TRIP}
SAMPLES = (
    "123456", "0000", "1234", "a" * 16, "0" * 32, "0" * 64, "08:00", "2030-01-01", "13800000000", "+8613800000001",
    "12345678", "public-key", "110101199003070011", "0" * 16, "91110108MA01ABCD23", "abc", "a.b",
    "0" * 44, "102100099996", "e_account:00000000-0000-7000-8000-000000000000",
)  # fmt: skip
OWN_WORDS: Mapping[str, Any] = {"name": "王小明", "id_number": "11010519491231002X", "phone": "+8613900000001"}
"""Values that fields of these names take, where any text would be refused."""

OUTSIDE = {"503 biller_unavailable"}
"""What no outside service that runs beside the matrix could answer."""
TOO_LATE = {"409 illegal_transition"}
"""Said of one's own thing before anything is looked for that is named below it."""
SEEN_BY: Mapping[str, frozenset[Side]] = {
    "door_code": frozenset({Side.USER}),
    "collect_code": frozenset({Side.USER}),
    "pick_up_code": frozenset({Side.MERCHANT}),
    "contact_phone": frozenset({Side.USER, Side.COURIER}),
    "contact_name": frozenset({Side.USER, Side.COURIER}),
    "door": frozenset({Side.USER, Side.COURIER}),
    "id_number": frozenset({Side.STORE}),
    "qr_text": frozenset({Side.USER}),
    "balance_fen": frozenset({Side.USER, Side.PLATFORM}),
    "network": frozenset({Side.PLATFORM}),
    "merchant_debt_fen": frozenset({Side.MERCHANT, Side.PLATFORM}),
}
"""Fields that only these sides may be shown; a door whose answers have one more of them deviates."""


@dataclass(frozen=True)
class Route:
    """A route with a token, of the running application."""

    endpoint: str
    method: str
    rule: str
    side: Side
    view: Any = field(repr=False, hash=False, compare=False)

    @property
    def declared(self) -> Policy:
        found = policy_of(self.view)
        assert found is not None
        return found

    @property
    def name(self) -> str:
        return f"{self.method} {self.rule}"

    @property
    def params(self) -> list[str]:
        return re.findall(r"<uuid:(\w+)>", self.rule)

    @property
    def given_ids(self) -> list[str]:
        """Ids that the body or the query must name."""
        operation = self.view.operation
        schemas = [schema for schema in (operation.body, operation.query) if schema is not None]
        return [
            name for schema in schemas for name, one in schema.fields.items() if isinstance(one, Id) and one.required
        ]

    @property
    def kinds(self) -> list[str]:
        return [*self.params, *self.given_ids]


def routes(app: Flask) -> list[Route]:
    """Return every route that wants a token, in a fixed order."""
    found = []
    for rule in sorted(app.url_map.iter_rules(), key=lambda one: (one.rule, one.endpoint)):
        view = app.view_functions[rule.endpoint]
        declared, door = policy_of(view), rule.endpoint.partition(".")[0]
        if declared is not None and declared.needs_token and door in set(Side):
            methods = sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
            found += [Route(rule.endpoint, method, rule.rule, Side(door), view) for method in methods]
    return found


@dataclass(frozen=True)
class Deviation:
    """A cell that answered what it should not."""

    route: str
    principal: str
    relation: str
    expected: str
    answered: str


@dataclass(frozen=True)
class Cell:
    """One request: a route, who asks, and what they are to the thing."""

    route: Route
    who: Principal
    relation: Relation | None
    how: str = "live"
    """``live``, or what is wrong with the token."""

    @property
    def name(self) -> str:
        return self.who.name if self.how == "live" else self.how


class Missing(Exception):
    """The matrix does not know something that a new route needs."""


def missing(found: list[Route]) -> list[str]:
    """Return, in words, what is lacking to try ``found``."""
    return [
        f"{route.name} names a {kind}: add (Side.{route.side.name}, {kind!r}) to SUBJECTS in {__package__}.world"
        for route in found
        for kind in route.kinds
        if (route.side, kind) not in SUBJECTS
    ]


def cells(route: Route, world: World) -> Iterator[Cell]:
    """Yield every cell of one route."""
    mine = world.of(route.side)
    able = next((one for one in mine if one.part in TABLE[route.side].get(route.declared.verb, ())), mine[0])
    for how in ("anonymous", "expired", "revoked", "wrong audience"):
        yield Cell(route, able, Relation.OWN if _values(route, Relation.OWN, world, able) is not None else None, how)
    for stranger in world.principals:
        if stranger.side is not route.side:
            yield Cell(route, stranger, None)
    for who in mine:
        relations: list[Relation | None] = [None]
        if route.kinds:
            relations = [Relation.OWN, Relation.SAME_SHOP, Relation.FOREIGN, Relation.ABSENT, Relation.DELETED]
            if who.lesser is not None:
                relations[2] = Relation.LESSER
            if len(route.params) > 1:
                relations.append(Relation.MIXED)
        for relation in relations:
            if relation is None or _values(route, relation, world, who) is not None:
                yield Cell(route, who, relation)


def _values(route: Route, relation: Relation, world: World, who: Principal) -> dict[str, UUID] | None:
    """Return the ids that ``route`` names in ``relation``, or None where one does not exist in it.

    Where several ids are named, the last that is somebody's is the thing; the others are one's own as far as that makes
    sense.
    """
    values: dict[str, UUID] = {}
    kinds = route.kinds
    owned = [place for place, kind in enumerate(kinds) if not SUBJECTS[route.side, kind].is_public]
    for place, kind in enumerate(kinds):
        things = SUBJECTS[route.side, kind]
        is_last = place == (owned or range(len(kinds)))[-1]
        one = relation
        if relation is Relation.MIXED:
            one = Relation.FOREIGN if is_last else Relation.OWN
        elif not is_last and relation in {Relation.ABSENT, Relation.DELETED, Relation.SAME_SHOP}:
            one = Relation.OWN
        found = things.get(one, world, who)
        if found is None:
            return None
        values[kind] = found
    return values


def expected(cell: Cell) -> str:
    """Return ``denied 401``, ``denied 403``, ``absent``, ``allowed`` or ``any`` (not denied, never a fault)."""
    route, who = cell.route, cell.who
    verb, ties = route.declared.verb, route.declared.relation
    held = TABLE[route.side].get(verb, frozenset())
    goes_by_token = route.side is Side.USER and verb in BROWSING and held == frozenset(PARTS[Side.USER])
    if who.side is not route.side or cell.how in {"anonymous", "expired", "wrong audience"}:
        return "denied 401"
    if cell.how == "revoked":
        return "any" if goes_by_token else "denied 401"
    if who.part not in held and (who.lesser is None or who.lesser not in held):
        return "denied 403"
    return _expected_of(cell, held, ties)


def _expected_of(cell: Cell, held: frozenset[Part], ties: Ties) -> str:
    route, who = cell.route, cell.who
    things = [SUBJECTS[route.side, kind] for kind in route.kinds]
    is_public = all(one.is_public for one in things)
    if cell.relation is None or is_public or ties not in OWNED:
        return "any"
    if cell.relation is Relation.OWN:
        return "allowed" if who.part in held else "absent"
    if cell.relation is Relation.SAME_SHOP:
        if not things[-1].is_same_shop_ours:
            return "absent"
        return "allowed" if who.part in held else "absent"
    if cell.relation is Relation.LESSER:
        # What is a person's own is no matter of where they work.
        is_ours_there = ties is not Ties.OWN and (route.side is not Side.STORE or things[-1].is_same_shop_ours)
        return "allowed" if who.lesser in held and is_ours_there else "absent"
    return "absent"


@dataclass
class Matrix:
    """Sends cells to one application and judges the answers."""

    app: Flask
    world: World

    def __post_init__(self) -> None:
        self.client = self.app.test_client()
        self.keys = self.app.config["LINLI"].token_keys

    def judge(self, cell: Cell) -> Deviation | None:
        """Send one cell; return how it deviates."""
        wanted = expected(cell)
        values = {} if cell.relation is None else _values(cell.route, cell.relation, self.world, cell.who) or {}
        if cell.relation is None:
            values = _anything(cell.route)
        response = self.send(cell, values)
        answered = _answer(response)
        if answered in OUTSIDE or (
            answered in TOO_LATE and cell.relation is Relation.ABSENT and len(cell.route.kinds) > 1
        ):
            return None
        verdict = _fits(wanted, response, answered)
        if verdict is None and wanted == "absent":
            verdict = self._differs_from_absent(cell, response)
        if verdict is None:
            return None
        relation = cell.relation.value if cell.relation else ""
        return Deviation(cell.route.name, cell.name, relation, wanted, verdict)

    def _differs_from_absent(self, cell: Cell, response: TestResponse) -> str | None:
        """Hold an answer about another's thing against one about a thing that nobody has, byte by byte."""
        twin = Cell(cell.route, cell.who, Relation.ABSENT)
        is_all_foreign = cell.relation in {Relation.FOREIGN, Relation.LESSER}
        values = None if is_all_foreign else _values(cell.route, Relation.ABSENT, self.world, cell.who)
        if values is None:  # nothing above it is one's own: nobody has any of it
            values = _anything(cell.route)
        if _bytes(self.send(twin, values)) != _bytes(response):
            return "tells it from an absent one"
        return None

    def send(
        self, cell: Cell, values: Mapping[str, Any], *, path: str | None = None, more: Mapping[str, Any] | None = None
    ) -> TestResponse:
        """Send one request.

        :param path: another spelling of it. :param more: what goes into the body beside what it asks for.
        """
        route = cell.route
        operation = route.view.operation
        if cell.who.side is route.side and route.endpoint in BEFORE:
            BEFORE[route.endpoint](self.world, cell.who)
        body = (
            None if operation.body is None else _filled(operation.body, values) | dict(BODIES.get(route.endpoint, {}))
        )
        query = {} if operation.query is None else _filled(operation.query, values)
        sent = body if more is None else {**(body or {}), **more}
        what: dict[str, Any] = {"json": sent}
        if operation.upload is not None and sent is None:
            what = {"data": b"\0"}  # a file of some kind: where there is none, nothing else is looked at
        response = self.client.open(
            path or _path(route, values),
            method=route.method,
            headers={**self._headers(cell), **idempotent(), "Accept-Language": "en"},
            **what,
            query_string={name: _as_query(value) for name, value in query.items()},
        )
        if cell.who.side is route.side and route.endpoint in AFTER:
            AFTER[route.endpoint](self.world, cell.who)
        return response

    def _headers(self, cell: Cell) -> dict[str, str]:
        person = cell.who.person
        if cell.how == "anonymous":
            return {}
        if cell.how == "expired":
            now = int(time.time())
            return _bearer(sound_token(person, self.keys, iat=now - 1_000, exp=now - 400))
        if cell.how == "wrong audience":
            other = next(side for side in Side if side is not cell.route.side)
            return _bearer(sound_token(person, self.keys, aud=other.value))
        if cell.how == "revoked":
            ended = signed_in(person.account_id, person.side)
            change("UPDATE sessions SET ended_at = clock_timestamp() WHERE session_id = :id", id=ended.session_id)
            return ended.headers
        if "/sessions" in cell.route.rule:
            return cell.who.anew().headers
        return person.headers

    def spellings(self, route: Route) -> Iterator[Deviation]:
        """Try eight other spellings of a route's path, as nobody and as one whom the thing is not; none may open it."""
        who = self.world.of(route.side)[0]
        values = _values(route, Relation.FOREIGN, self.world, who) if route.kinds else {}
        path = _path(route, values or _anything(route))
        cut = path.rindex("/")
        spelled = {
            "slash at the end": path + "/",
            "two slashes": path[:cut] + "/" + path[cut:],
            "encoded slash": path[:cut] + "%2F" + path[cut + 1 :],
            "encoded letter": path[: cut + 1] + f"%{ord(path[cut + 1]):02X}" + path[cut + 2 :],
            "dot": path[:cut] + "/." + path[cut:],
            "two dots": path[:cut] + "/x/.." + path[cut:],
            "capitals": path.upper(),
            "semicolon": path + ";a=b",
        }
        is_foreign = bool(route.kinds) and route.declared.relation in OWNED
        is_foreign = is_foreign and not all(SUBJECTS[route.side, kind].is_public for kind in route.kinds)
        asking = [Cell(route, who, None, "anonymous"), *([Cell(route, who, None)] if is_foreign else [])]
        for cell in asking:
            plain = _answer(self.send(cell, values or _anything(route)))
            for name, other in spelled.items():
                answered = _answer(self.send(cell, values or _anything(route), path=other))
                if answered != plain and answered not in NOT_HERE:
                    yield Deviation(route.name, cell.name, name, f"{plain}, or no such path", answered)


def unseen_fields(found: list[Route]) -> Iterator[Deviation]:
    """Yield fields of answers that the side of their route is not to be shown."""
    for route in found:
        if route.view.operation.answer is not None:
            for name in sorted(_names(route.view.operation.answer)):
                if route.side not in SEEN_BY.get(name, frozenset(Side)):
                    yield Deviation(route.name, route.side.value, "", "not shown", f"shows {name}")


def _names(schema: Schema) -> set[str]:
    found: set[str] = set()
    for name, one in schema.fields.items():
        found.add(name)
        inner = getattr(one, "inner", one)
        nested = getattr(inner, "schema", None)
        if nested is not None:
            found |= _names(nested)
    return found


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _anything(route: Route) -> dict[str, UUID]:
    return {kind: new_id() for kind in route.kinds}


def _path(route: Route, values: Mapping[str, Any]) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(values.get(found[1], "x")), route.rule)


def _answer(response: TestResponse) -> str:
    document = response.get_json(silent=True) if response.status_code >= 400 else None
    code = document.get("code", "") if isinstance(document, dict) else ""
    return f"{response.status_code} {code}".strip()


def _fits(wanted: str, response: TestResponse, answered: str) -> str | None:
    """Return the answer where it does not fit what was wanted."""
    status, code = response.status_code, answered.partition(" ")[2]
    is_denied = code in DENIED.get(status, ())
    if wanted.startswith("denied"):
        return None if is_denied and status == int(wanted[-3:]) else answered
    if status >= 500 or is_denied:
        return answered
    if code in {"input_invalid", "not_json"}:
        return f"{answered}: its body cannot be filled, see OWN_WORDS and SAMPLES: {response.text[:200]}"
    if wanted == "absent":
        return None if status == 404 else answered
    if wanted == "allowed":
        return None if status != 404 else answered
    return None


def _bytes(response: TestResponse) -> tuple[int, bytes, tuple[tuple[str, str], ...]]:
    headers = tuple(sorted((name, value) for name, value in response.headers if name not in {"Date", "Trace-Id"}))
    return response.status_code, response.get_data(), headers


def _as_query(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _filled(schema: Schema, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the least that ``schema`` takes, with the ids of ``values``.

    What goes by id or barcode goes by barcode, and what changes a price or a count changes the price.
    """
    names = schema.fields.keys()
    least: dict[str, Any] = {"barcode": BARCODE} if {"standard_product_id", "barcode", "quantity"} <= names else {}
    least |= {"price_fen": 1} if {"sku_id", "price_fen", "on_hand"} <= names else {}
    return least | {
        one.data_key or name: str(values[name]) if name in values and isinstance(one, Id) else _value(name, one)
        for name, one in schema.fields.items()
        if one.required
    }


def _value(name: str, one: Any) -> Any:  # noqa: C901, PLR0911, PLR0912 - a value for each kind of field
    if name in OWN_WORDS:
        return OWN_WORDS[name]
    if isinstance(one, Degrees):
        return 39.9 if "lat" in name else 116.4
    if isinstance(one, Int | Fen):
        return one.low
    if isinstance(one, Flag):
        return True
    if isinstance(one, Choice):
        return one.choices[0]
    if isinstance(one, Pattern):
        return _matching(one.pattern.pattern)
    if isinstance(one, Id):
        return str(new_id())
    if isinstance(one, Day):
        return "2030-01-01"
    if isinstance(one, Hours):
        return {}
    if isinstance(one, Instant):
        return "2030-01-01T00:00:00Z"
    if isinstance(one, Text):
        return "x" * max(one.low, 1)
    if isinstance(one, Many):
        return [_value(name, one.inner)] * max(one.low, 1)
    nested = getattr(one, "schema", None)
    if nested is not None:
        return _filled(nested, {})
    raise Missing(f"no value for the field {name} of {type(one).__name__}: add one to tests/authorization/matrix.py")


@cache
def _matching(pattern: str) -> str:
    for sample in SAMPLES:
        if re.fullmatch(pattern, sample):
            return sample
    raise Missing(f"no sample for the form {pattern}: add one to SAMPLES in tests/authorization/matrix.py")
