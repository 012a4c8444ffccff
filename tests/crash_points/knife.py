"""Kills a process at a point: patches what the sites call, counts the moments that pass, and at one of them kill -9."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest import mock

import orjson

from app.adapters.stripe.client import StripeClient
from app.core import ledger
from app.kernel.db import db
from app.kernel.wire import Result, Wire
from app.worker import bank as bank_work
from app.worker import fund as fund_work
from tests.crash_points.sites import LEDGER_WRITERS, ROOT, Site, sites
from tests.factories.rows import look_one
from tests.support.sandbox_gateway import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import FrameType

    from sqlalchemy import TextClause

_OTHERS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


@dataclass
class Knife:
    """Counts the crossings of points from 1 on; at the ``deadly`` one it kills its own process.

    :ivar crossed: the names of the points of each crossing; those of the moments around one commit are crossed at once.
    """

    deadly: int | None = None
    crossed: list[tuple[str, ...]] = field(default_factory=list)
    _posted: list[Site] = field(default_factory=list)
    _sites: dict[str, list[Site]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for site in sites():
            self._sites.setdefault(str(ROOT / site.path), []).append(site)

    def _cross(self, *points: str) -> None:
        if points:
            self.crossed.append(points)
            if len(self.crossed) == self.deadly:
                os.kill(os.getpid(), signal.SIGKILL)

    def _at(self, frame: FrameType | None, call: str) -> Site | None:
        if frame is None:
            return None
        around = [
            site
            for site in self._sites.get(frame.f_code.co_filename, ())
            if site.call.partition("#")[0] == call and site.first <= frame.f_lineno <= site.last
        ]
        return max(around, key=lambda site: site.first, default=None)

    def call(self, kind: str, moments: tuple[str, str], inner: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``inner`` with a moment before it and one after, where a site calls it."""

        def called(*args: Any, **given: Any) -> Any:
            site = self._at(sys._getframe(1), kind)  # who calls is what names the point
            if site is None:
                return inner(*args, **given)
            self._cross(f"{site.name} {moments[0]}")
            done = inner(*args, **given)
            if kind.startswith("ledger."):
                self._posted.append(site)
            self._cross(f"{site.name} {moments[1]}")
            return done

        return called

    def commit(self, inner: Callable[[Wire], None]) -> Callable[[Wire], None]:
        """Return the commit with the moments around it."""

        def committed(wire: Wire) -> None:
            frame: FrameType | None = sys._getframe(1)
            while frame is not None and (site := self._at(frame, "commit")) is None:
                frame = frame.f_back
            about = [*self._posted, *([site] if site else [])]
            self._posted = []
            self._cross(*(f"{one.name} written" for one in about))
            inner(wire)
            self._cross(*(f"{one.name} committed" for one in about))

        return committed

    @contextmanager
    def drawn(self) -> Iterator[Knife]:
        """Patch everything for the length of the block."""
        with ExitStack() as stack:
            for name in sorted(LEDGER_WRITERS):
                patched = self.call(f"ledger.{name}", ("before", "posted"), getattr(ledger, name))
                stack.enter_context(mock.patch.object(ledger, name, patched))
            for name in _gateway_calls():
                called = self.call(f"gateway.{name}", ("unsent", "answered"), getattr(StripeClient, name))
                stack.enter_context(mock.patch.object(StripeClient, name, called))
            for work, name in ((bank_work, "put_out"), (bank_work, "take_in"), (fund_work, "put_out")):
                called = self.call(f"folder.{name}", ("before", "after"), getattr(work, name))
                stack.enter_context(mock.patch.object(work, name, called))
            stack.enter_context(mock.patch.object(Wire, "execute", _committing_apart(Wire.execute)))
            stack.enter_context(mock.patch.object(Wire, "commit", self.commit(Wire.commit)))
            stack.enter_context(mock.patch.object(Wire, "rollback", self._forgetting(Wire.rollback)))
            yield self

    def _forgetting(self, inner: Callable[[Wire], None]) -> Callable[[Wire], None]:
        def rolled_back(wire: Wire) -> None:
            self._posted = []
            inner(wire)

        return rolled_back


def _committing_apart(inner: Callable[..., Result]) -> Callable[..., Result]:
    """Return ``execute`` with COMMIT in an exchange of its own, so that there is a moment before it."""

    def executed(
        wire: Wire, statement: TextClause, params: Mapping[str, object], *, then_commit: bool = False
    ) -> Result:
        result = inner(wire, statement, params)
        if then_commit:
            wire.commit()
        return result

    return executed


def _gateway_calls() -> list[str]:
    named = {site.call.partition("#")[0].removeprefix("gateway.") for site in sites() if "gateway." in site.call}
    return sorted(named & set(vars(StripeClient)))


def crossings_of(act: Callable[[], object]) -> tuple[tuple[str, ...], ...]:
    """Do ``act`` whole in a child, where it can be killed the next time, and return what it crossed."""
    reader, writer = os.pipe()
    db.engine.dispose()
    child = os.fork()
    if child == 0:
        code = 3
        try:
            os.close(reader)
            with Knife().drawn() as knife:
                act()
            with os.fdopen(writer, "wb") as pipe:
                pipe.write(orjson.dumps(knife.crossed))
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, "a flow that nobody killed broke"
    return tuple(tuple(points) for points in orjson.loads(told))


def dies(act: Callable[[], object], deadly: int) -> bool:
    """Do ``act`` in a child that is killed at its crossing ``deadly``; False when it came to its end before that.

    A refusal of the child is its own: what became of it is seen in the database.
    """
    db.engine.dispose()
    child = os.fork()
    if child == 0:
        code = 3
        try:
            with Knife(deadly).drawn():
                act()
            code = 0
        except Exception:  # noqa: BLE001 - the child says what broke it, and ends
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    wait_until(lambda: look_one(_OTHERS) == 0)  # the server rolls back what the child left, and lets go of its locks
    code = os.waitstatus_to_exitcode(status)
    assert code in {0, -signal.SIGKILL}, f"the child broke, and was not killed: exit code {code}"
    return code != 0
