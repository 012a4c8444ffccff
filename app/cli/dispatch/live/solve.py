"""One instance over HTTP in a stack of its own, that is gone afterwards."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from sqlalchemy.exc import DBAPIError

from app import create_app
from app.cli.dev.environment import StackError, free_ports
from app.cli.dev.simulate.actors import City
from app.cli.dev.simulate.agenda import Agenda
from app.cli.dev.simulate.day import MIDNIGHT
from app.cli.dev.simulate.http import Refused, Unanswered, Wire
from app.cli.dev.simulate.plan import Rates, plan_baskets
from app.cli.dev.simulate.pulse import WorkerStuck
from app.cli.dev.simulate.record import Record
from app.cli.dev.simulate.world import write_world
from app.cli.dev.stack import Stack
from app.cli.dispatch.live.day import LiveDay
from app.kernel.clock import set_virtual
from app.kernel.transaction import transaction
from app.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.cli.dispatch.instance import Instance
    from app.cli.dispatch.solution import Solution
    from app.core.dispatch.problem import Policy, Problem

FAILURES = (StackError, Refused, Unanswered, WorkerStuck, TimeoutError, httpx.HTTPError, DBAPIError)
"""What ends a replay early, each with a message for a person."""
_RATES = Rates(wechat=0, two_shops=0, cancel=0, reject=0, short=0, fail=0, confirm=0)


def _silence(_minute: int) -> None:
    return


def solve_over_http(
    instance: Instance,
    policy: Policy,
    *,
    seed: int,
    refuse: float = 0.0,
    tell: Callable[[int], None] = _silence,
    problems: list[Problem] | None = None,
) -> Solution:
    """Start a stack whose worker leaves dispatch to us, live through the instance, and return what was done.

    :raises app.cli.dev.environment.StackError: a process of it does not come up.
    """
    with tempfile.TemporaryDirectory(prefix="linli-replay-stack-") as folder:
        stack = Stack(data_dir=Path(folder), ports=free_ports(), env={"LINLI_DISPATCH_S": "0"}, inherit=False)
        try:
            stack.start()
            os.environ.update(stack.settings)
            with create_app(read_settings()).app_context():
                baskets = plan_baskets(instance, _RATES, seed)
                with transaction() as tx:
                    set_virtual(tx, fixed_at=MIDNIGHT)
                    world = write_world(tx, instance, baskets, seed)
                city = City(instance, world, Wire(), Agenda(), Record(), stack.urls.web, stack.urls.gateway)
                try:
                    return LiveDay(city, policy, seed, refuse, tell, problems).run(baskets)
                finally:
                    city.wire.close()
                    city.agenda.close()
        finally:
            stack.stop()
