"""``dev.py fuzz``: generated requests, right and wrong, at every operation of the OpenAPI document.

A stack with the demo is started in a folder of its own. One person per side signs in, a few orders are brought under
way so that ids in paths name something, and each operation is called with the token of its side and without any. An
answer fails when it is a 5xx or does not keep to the document: its status, its content type, its shape.
"""

from __future__ import annotations

import json
import random
import secrets
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as hypothesis_seed
from hypothesis.errors import HypothesisException
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from schemathesis import GenerationMode
from schemathesis.checks import content_type_conformance, not_a_server_error, response_schema_conformance
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import status_code_conformance

from app.cli.demo.world import PIN
from app.cli.dev.environment import ROOT, StackError, free_ports
from app.cli.dev.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from schemathesis import Case
    from schemathesis.schemas import APIOperation

SIDES: Mapping[str, str] = {
    "user": "+8613900000001",
    "merchant": "+8613800000001",
    "courier": "+8613700000001",
    "store": "+8613600000001",
    "platform": "+8613500000001",
}
"""The demo's first person of each side."""

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]

NOT_FUZZED = ("/dev/v1/",)
"""Helps of the sandbox; one of them moves the clock of everything."""

NOT_SIGNED_IN = ("/sessions/current", "/sessions/{session_id}")
"""End the session that all other cases need; they are called without a token only."""

ORDERS = 6
KNOWN_ID_SHARE = 0.7
"""Share of ids in paths, queries and bodies that name something that is there."""
NEGATIVE_SHARE = 0.5
ANONYMOUS_SHARE = 0.1
TIMEOUT_S = 30
SHOWN_FAILURES = 20


@dataclass(slots=True)
class Client:
    """Somebody who speaks to one side of a stack."""

    web: str
    side: str
    http: requests.Session = field(default_factory=requests.Session)

    def sign_in(self, phone: str) -> Client:
        """Begin a session with the code that the sandbox shows."""
        self.http.trust_env = False
        device = f"fuzz-{secrets.token_hex(4)}"
        self.ask("POST", "/sign-in-codes", {"phone": phone, "device": device})
        shown = self.http.get(f"{self.web}/dev/v1/messages", params={"phone": phone}, timeout=TIMEOUT_S).json()
        code = shown["items"][0]["code"]
        session = self.ask("POST", "/sessions", {"phone": phone, "code": code, "device": device})
        self.http.headers["Authorization"] = f"Bearer {session['access_token']}"
        return self

    def ask(self, method: str, path: str, body: object = None, **query: object) -> Any:
        """Send one request that must succeed and return its answer.

        :raises StackError: it did not.
        """
        answer = self.http.request(
            method,
            f"{self.web}/{self.side}/v1{path}",
            json=body,
            params={name: str(value) for name, value in query.items()},
            headers={"Idempotency-Key": secrets.token_urlsafe(16)},
            timeout=TIMEOUT_S,
        )
        if not answer.ok:
            raise StackError(f"{method} {path} answered {answer.status_code}: {answer.text[:500]}")
        return answer.json() if answer.content else None


@dataclass(slots=True)
class Known:
    """Ids that name something, by the name of the parameter or field that takes them."""

    ids: dict[str, set[str]] = field(default_factory=dict)

    def learn(self, answer: object) -> None:
        """Keep every id that ``answer`` shows."""
        if isinstance(answer, dict):
            for name, value in answer.items():
                if name.endswith("_id") and isinstance(value, str):
                    self.ids.setdefault(name.removeprefix("pick_up_").removeprefix("drop_"), set()).add(value)
                self.learn(value)
        elif isinstance(answer, list):
            for item in answer:
                self.learn(item)

    def put_into(self, values: object, chance: random.Random) -> None:
        """Replace some ids in a mapping of parameters or fields by known ones."""
        if not isinstance(values, dict):
            return
        for name in values:
            pool = self.ids.get(name)
            if pool and chance.random() < KNOWN_ID_SHARE:
                values[name] = chance.choice(sorted(pool))


def set_the_stage(people: Mapping[str, Client]) -> Known:
    """Bring a few orders under way and return the ids that there are."""
    known = Known()
    user, merchant, courier = people["user"], people["merchant"], people["courier"]

    def learn(answer: object) -> Any:
        known.learn(answer)
        return answer

    address = learn(user.ask("GET", "/addresses"))["items"][0]
    learn(user.ask("GET", "/communities"))
    shop = learn(merchant.ask("GET", "/shops"))["items"][0]
    merchant.ask("PUT", f"/shops/{shop['shop_id']}/opening", {"is_open": True, "hours": _always()})
    offers = learn(user.ask("GET", f"/shops/{shop['shop_id']}/offers", limit=20))["items"]
    sku = offers[0]["skus"][0]
    user.ask("DELETE", "/cart")
    courier.ask("PUT", "/shift", {"lat": address["lat"], "lng": address["lng"]})
    for number in range(ORDERS):
        user.ask("PUT", f"/cart/lines/{sku['sku_id']}", {"quantity": max(1, -(-3_000 // sku["price_fen"]))})
        quote = user.ask("POST", "/checkout-quotes", {"address_id": address["address_id"]})
        body = {"address_id": address["address_id"], "quote_version": quote["quote_version"]}
        placed = learn(user.ask("POST", "/checkouts", body))
        if number == 0:
            continue
        confirmed = {"checkout_id": placed["checkout_id"], "amount_fen": placed["total_fen"], "pin": PIN}
        grant = user.ask("POST", "/step-up-grants", confirmed)["grant_id"]
        body = {"method": "e_account", "step_up_grant": grant}
        learn(user.ask("POST", f"/checkouts/{placed['checkout_id']}/payments", body))
        if number > 1:
            merchant.ask("POST", f"/orders/{placed['orders'][0]['order_id']}/acceptance")
    for trip in learn(courier.ask("GET", "/trips/open", lat=address["lat"], lng=address["lng"]))["items"][:2]:
        courier.ask("POST", f"/trips/{trip['trip_id']}/claim")
    learn(courier.ask("GET", "/trips"))
    return known


def _always() -> dict[str, list[list[str]]]:
    return {str(weekday): [["00:00", "24:00"]] for weekday in range(1, 8)}


@dataclass(slots=True)
class Tally:
    """What was sent and what came back."""

    cases: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    failures: dict[tuple[str, str], str] = field(default_factory=dict)
    failed: int = 0

    def fail(self, operation: str, title: str, example: str) -> None:
        """Count a failure; of each kind the first example is kept."""
        self.failed += 1
        self.failures.setdefault((operation, title), example)


@dataclass(slots=True)
class Fuzzer:
    """Sends cases to one stack and judges the answers."""

    web: str
    known: Known
    chance: random.Random
    tally: Tally
    sent: Callable[[int], None]

    def fuzz(self, operation: APIOperation[Any, Any, Any, Any], http: requests.Session, cases: int) -> None:
        """Send about ``cases`` requests, one part of them wrong on purpose."""
        wrong = round(cases * NEGATIVE_SHARE)
        for mode, count in ((GenerationMode.POSITIVE, cases - wrong), (GenerationMode.NEGATIVE, wrong)):
            if count:
                self._run(operation, mode, http, count)

    def _run(
        self, operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, http: requests.Session, count: int
    ) -> None:
        @hypothesis_seed(self.chance.getrandbits(64))
        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def send(case: Case[Any]) -> None:
            self._send(case, http)

        try:
            send()
        except (HypothesisException, schemathesis.errors.SchemathesisError):
            return  # nothing wrong can be made of an operation that takes nothing

    def _send(self, case: Case[Any], http: requests.Session) -> None:
        for values in (case.path_parameters, case.query, case.body):
            self.known.put_into(values, self.chance)
        headers = {"Idempotency-Key": secrets.token_urlsafe(16), "Accept-Language": self.chance.choice(["zh", "en"])}
        label = case.operation.label
        self.tally.cases[label] += 1
        self.sent(1)
        try:
            response = case.call(base_url=self.web, session=http, headers=headers, timeout=TIMEOUT_S)
        except (requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL, UnicodeError):
            return  # no client can send it
        except requests.exceptions.RequestException as error:
            self.tally.fail(label, f"no answer: {type(error).__name__}", case.as_curl_command())
            return
        self.tally.statuses[response.status_code] += 1
        self.known.learn(_json_of(response.content) if response.status_code == requests.codes.created else None)
        try:
            case.validate_response(response, checks=CHECKS)
        except FailureGroup as group:
            for failure in group.exceptions:
                title = getattr(failure, "title", type(failure).__name__)
                self.tally.fail(label, title, f"{failure}\n{case.as_curl_command()}\n{response.text[:500]}")
        except Failure as failure:
            self.tally.fail(label, failure.title, f"{failure}\n{case.as_curl_command()}\n{response.text[:500]}")


def _json_of(content: bytes) -> object:
    try:
        return json.loads(content)
    except ValueError:
        return None


def _plan(
    operations: list[APIOperation[Any, Any, Any, Any]], people: Mapping[str, Client], cases: int
) -> Iterator[tuple[APIOperation[Any, Any, Any, Any], requests.Session, int]]:
    """Yield what to call, as whom, how often: mostly with the token of its side, a little without any."""
    anonymous = requests.Session()
    anonymous.trust_env = False
    each = max(2, cases // len(operations))
    for operation in operations:
        person = people.get(operation.path.split("/")[1])
        if person is None or operation.path.endswith(NOT_SIGNED_IN):
            yield operation, anonymous, each
        else:
            without = max(1, round(each * ANONYMOUS_SHARE))
            yield operation, person.http, each - without
            yield operation, anonymous, without


def fuzz(web: str, *, cases: int, seed: int) -> Tally:
    """Fuzz the application at ``web`` and return what came of it."""
    people = {side: Client(web, side).sign_in(phone) for side, phone in SIDES.items()}
    schema = schemathesis.openapi.from_url(f"{web}/openapi.json")
    operations = [
        operation
        for operation in (result.ok() for result in schema.get_all_operations() if isinstance(result, Ok))
        if not operation.path.startswith(NOT_FUZZED)
    ]
    tally, chance = Tally(), random.Random(seed)  # noqa: S311 - repeatable cases, no secrets
    tally.cases.update({operation.label: 0 for operation in operations})
    plan = list(_plan(operations, people, cases))
    chance.shuffle(plan)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("cases", total=sum(count for *_, count in plan))
        fuzzer = Fuzzer(web, set_the_stage(people), chance, tally, lambda count: progress.advance(task, count))
        for operation, http, count in plan:
            fuzzer.fuzz(operation, http, count)
    return tally


def report(tally: Tally, seed: int) -> None:
    """Print what was sent, what came back, and each kind of failure with an example."""
    console = Console(soft_wrap=True)
    for (operation, title), example in list(tally.failures.items())[:SHOWN_FAILURES]:
        console.print(f"\n{operation}: {title}\n{example}", markup=False, highlight=False)
    reached = sum(1 for count in tally.cases.values() if count)
    table = Table(title="dev.py fuzz")
    table.add_column("what")
    table.add_column("count", justify="right")
    table.add_row("cases", str(tally.cases.total()))
    table.add_row("operations reached", f"{reached} of {len(tally.cases)}")
    for status, count in sorted(tally.statuses.items()):
        table.add_row(f"answers {status}", str(count))
    table.add_row("failures", str(tally.failed))
    table.add_row("seed", str(seed))
    console.print(table)


@click.command(help=__doc__)
@click.option("--cases", default=10_000, show_default=True, help="About how many requests to send.")
@click.option("--seed", default=None, type=int, help="Repeat the cases of an earlier run.")
def main(*, cases: int, seed: int | None) -> None:
    """Start a stack, fuzz it, stop it; exit code 1 when an answer failed or an operation was not reached."""
    chosen = secrets.randbelow(2**32) if seed is None else seed
    try:
        with (
            tempfile.TemporaryDirectory(prefix="linli-fuzz-") as folder,
            Stack(Path(folder), free_ports(), demo=True) as stack,
        ):
            tally = fuzz(stack.urls.web, cases=cases, seed=chosen)
            if tally.failed:
                kept = shutil.copytree(Path(folder) / "logs", ROOT / "var" / "fuzz" / str(chosen), dirs_exist_ok=True)
                click.echo(f"The logs are in {kept}", err=True)
    except StackError as error:
        sys.exit(f"dev.py fuzz: {error}")
    report(tally, chosen)
    sys.exit(1 if tally.failed or not all(tally.cases.values()) else 0)


if __name__ == "__main__":
    main()
