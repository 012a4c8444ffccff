"""Billers over HTTP: a house that many billers are reached through (缴费平台), bearer key and Idempotency-Key.

``GET /v1/billers/{code}/accounts/{number}`` asks, ``POST /v1/payments`` pays, ``GET /v1/payments/{key}`` looks,
``GET /v1/billers/{code}/files/{day}`` is the nightly file. Only a 200 that says so is a yes or a no; whatever else
comes back from a payment may have happened.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter

from app.core.bills.ports import (
    AccountAtBiller,
    BillerOutcomeUnknown,
    BillerUnavailable,
    OpenBill,
    Outcome,
    Said,
)
from app.kernel.concurrency import set_aside
from app.kernel.lines import CHUNK_BYTES, lines_of

CONNECT_TIMEOUT_S: Final = 3.0
READ_TIMEOUT_S: Final = 8.0
ANSWER_BYTES_MAX: Final = 1024 * 1024
FILE_BYTES_MAX: Final = 64 * 1024 * 1024
LOCK_S_MAX: Final = 24 * 3_600
FEN_MAX: Final = 10**11
_OK, _NOT_FOUND = 200, 404
_TOKEN = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_REASON = re.compile(r"[a-z0-9_]{1,40}")


class HttpBillers:
    """Speaks to the house of billers, or to the sandbox, by ``url``. Safe to share between threads."""

    def __init__(self, url: str, key: str, *, read_timeout_s: float = READ_TIMEOUT_S) -> None:
        self._url, self._headers = url.rstrip("/"), {"Authorization": f"Bearer {key}"}
        self._timeout = (CONNECT_TIMEOUT_S, read_timeout_s)
        self._session = requests.Session()
        self._session.trust_env = False
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=16, max_retries=0)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def ask(self, biller: str, number: str) -> AccountAtBiller | None:
        """Return an account with its open bills; see the port."""
        body = self._get(f"/v1/billers/{quote(biller, safe='')}/accounts/{quote(number, safe='')}")
        if body is None:
            return None
        try:
            bills = {one.bill_no: one for one in map(_bill, body["bills"])}
            balance = body["balance_fen"]
            return AccountAtBiller(
                balance_fen=None if balance is None else _fen(balance, low=0),
                lock_s=_fen(body["lock_s"], low=0, high=LOCK_S_MAX),
                bills=list(bills.values()),
            )
        except (KeyError, TypeError, ValueError):
            raise BillerUnavailable from None

    def pay(
        self, *, key: str, biller: str, number: str, bill_no: str | None, lock: str | None, amount_fen: int
    ) -> Outcome:
        """Pay; see the port. A connection that was never made is told apart from all else."""
        asked = {"biller": biller, "number": number, "bill_no": bill_no, "lock": lock, "amount_fen": amount_fen}
        try:
            with set_aside():
                answer = self._session.post(
                    f"{self._url}/v1/payments",
                    json=asked,
                    headers={**self._headers, "Idempotency-Key": key},
                    timeout=self._timeout,
                    allow_redirects=False,
                )
        except requests.ConnectTimeout:
            raise BillerUnavailable from None
        except requests.RequestException:
            raise BillerOutcomeUnknown from None
        if answer.status_code != _OK:
            raise BillerOutcomeUnknown
        return _outcome(answer)

    def look(self, key: str) -> Outcome | None:
        """Return what became of a payment; see the port."""
        try:
            with set_aside():
                answer = self._session.get(
                    f"{self._url}/v1/payments/{quote(key, safe='')}",
                    headers=self._headers,
                    timeout=self._timeout,
                    allow_redirects=False,
                )
        except requests.RequestException:
            raise BillerUnavailable from None
        if answer.status_code == _NOT_FOUND:
            return None
        if answer.status_code != _OK:
            raise BillerUnavailable
        return _outcome(answer)

    def daily_file(self, biller: str, day: date) -> Iterator[str]:
        """Yield the lines of a day's file; see the port."""
        try:
            with (
                set_aside(),
                self._session.get(
                    f"{self._url}/v1/billers/{quote(biller, safe='')}/files/{day}",
                    headers=self._headers,
                    timeout=self._timeout,
                    stream=True,
                    allow_redirects=False,
                ) as answer,
            ):
                if answer.status_code != _OK:
                    raise BillerUnavailable
                size = 0
                for line in lines_of(answer.iter_content(CHUNK_BYTES)):
                    size += len(line)
                    if size > FILE_BYTES_MAX:
                        raise BillerUnavailable
                    yield line
        except requests.RequestException:
            raise BillerUnavailable from None

    def _get(self, path: str) -> Mapping[str, Any] | None:
        try:
            with set_aside():
                answer = self._session.get(
                    f"{self._url}{path}", headers=self._headers, timeout=self._timeout, allow_redirects=False
                )
            if answer.status_code == _NOT_FOUND:
                return None
            if answer.status_code != _OK or len(answer.content) > ANSWER_BYTES_MAX:
                raise BillerUnavailable
            body = answer.json()
        except (requests.RequestException, ValueError, RecursionError):
            raise BillerUnavailable from None
        if not isinstance(body, dict):
            raise BillerUnavailable
        return body


class NoBillers:
    """Where none are configured: nobody answers."""

    def ask(self, biller: str, number: str) -> AccountAtBiller | None:  # noqa: ARG002 - a port
        """Refuse to be asked."""
        raise BillerUnavailable

    def pay(
        self,
        *,
        key: str,  # noqa: ARG002 - a port
        biller: str,  # noqa: ARG002 - a port
        number: str,  # noqa: ARG002 - a port
        bill_no: str | None,  # noqa: ARG002 - a port
        lock: str | None,  # noqa: ARG002 - a port
        amount_fen: int,  # noqa: ARG002 - a port
    ) -> Outcome:
        """Refuse to be asked."""
        raise BillerUnavailable

    def look(self, key: str) -> Outcome | None:  # noqa: ARG002 - a port
        """Refuse to be asked."""
        raise BillerUnavailable

    def daily_file(self, biller: str, day: date) -> Iterator[str]:  # noqa: ARG002 - a port
        """Refuse to be asked."""
        raise BillerUnavailable


def _bill(body: Mapping[str, Any]) -> OpenBill:
    amount_fen = _fen(body["amount_fen"], low=1)
    return OpenBill(
        bill_no=_token(body["bill_no"]),
        month=date.fromisoformat(f"{body['month']}-01"),
        due_on=date.fromisoformat(body["due_on"]),
        amount_fen=amount_fen,
        paid_fen=_fen(body["paid_fen"], low=0, high=amount_fen),
        lock=_token(body["lock"]),
    )


def _outcome(answer: requests.Response) -> Outcome:
    """Read what is said of a payment; an answer that is not understood is unknown.

    :raises BillerOutcomeUnknown: it is not.
    """
    try:
        body = answer.json()
        said = Said(body["state"])
        is_yes = said is Said.SUCCEEDED
        refusal = body.get("refusal")
        return Outcome(
            said=said,
            key=_token(body["key"]),
            amount_fen=_fen(body["amount_fen"], low=1),
            reference=_token(body["reference"]) if is_yes else None,
            booked_on=date.fromisoformat(body["booked_on"]) if is_yes else None,
            refusal=refusal if isinstance(refusal, str) and _REASON.fullmatch(refusal) else None,
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise BillerOutcomeUnknown from None


def _fen(value: object, *, low: int, high: int = FEN_MAX) -> int:
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"no number from {low} to {high}")
    return value


def _token(value: object) -> str:
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise ValueError("no name of a thing")
    return value
