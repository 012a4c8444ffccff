"""What authorization costs: an authenticated read against the same read without, and the check of a token alone."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.kernel import wire
from app.kernel.actor import Side
from app.web.tokens import Verifier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Flask

    from benchmarks.orders import Run

PATH = "/user/v1/account"
CHECKS = 2_000


def statements_of(app: Flask, token: str) -> list[str]:
    """Return the statements that one authenticated read sends."""
    client, seen = app.test_client(), list[str]()
    wire.observers.append(seen.append)
    try:
        answer = client.get(PATH, headers={"Authorization": f"Bearer {token}"})
    finally:
        wire.observers.remove(seen.append)
    assert answer.status_code == 200, answer.text  # noqa: PLR2004 - done
    return seen


@dataclass(frozen=True, slots=True)
class Check:
    """CPU microseconds of looking at a token: the first time, and again while its process remembers it."""

    fresh_us: float
    known_us: float


def token_check(token_keys: Mapping[str, bytes], token: str) -> Check:
    """Measure the check of ``token``."""
    verifiers = [Verifier(token_keys) for _ in range(CHECKS)]
    fresh = _cpu_us(lambda n: verifiers[n].verify(token, Side.USER))
    known = _cpu_us(lambda _: verifiers[0].verify(token, Side.USER))
    return Check(fresh, known)


def _cpu_us(check: Callable[[int], object]) -> float:
    began = time.thread_time_ns()
    for n in range(CHECKS):
        check(n)
    return (time.thread_time_ns() - began) / CHECKS / 1000


def tell(guarded: Run, bare: Run, statements: list[str], check: Check) -> None:
    """Print the comparison."""
    names = ("web", "postgres")
    added = {name: guarded.cpu_ms(name) - bare.cpu_ms(f"bare {name}" if name == "web" else name) for name in names}
    looks = sum("AS is_live" in statement for statement in statements)
    print(f"  without authorization       {bare.rate:8.0f}/s")
    print(
        f"  with it                     {guarded.rate:8.0f}/s   ratio {guarded.rate / bare.rate:.2f}   adds"
        f" {looks} query (aim 1), CPU web {added['web']:.2f} (aim 1) + PostgreSQL {added['postgres']:.2f} ms"
    )
    print(
        f"  check of a token            {check.fresh_us:8.0f} us of CPU; again in its process {check.known_us:.1f} us"
    )
