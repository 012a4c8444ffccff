"""``dev.py simulate``: replay a day of orders over HTTP on a virtual clock, then prove that nothing was lost.

It starts a stack of its own, fills it with the shops, couriers and residents of the instance, and lets all of them act
at once: carts, payments, kitchens, trips, failures. Exit code 0 when every order came to its end and every fen is
where it belongs, 1 when not, 2 when the instance cannot be read.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import httpx
from rich.console import Console
from sqlalchemy.exc import DBAPIError

from app import create_app
from app.cli.dev.environment import ROOT, StackError, free_ports
from app.cli.dev.simulate.actors import City
from app.cli.dev.simulate.agenda import Agenda
from app.cli.dev.simulate.day import MIDNIGHT, Day
from app.cli.dev.simulate.evening import ORDERS, make_evening
from app.cli.dev.simulate.http import Refused, Unanswered, Wire
from app.cli.dev.simulate.killer import KILLABLE, Killer
from app.cli.dev.simulate.plan import Basket, Rates, plan_baskets
from app.cli.dev.simulate.progress import Ticker
from app.cli.dev.simulate.proof import find_faults
from app.cli.dev.simulate.pulse import WorkerStuck
from app.cli.dev.simulate.record import Record
from app.cli.dev.simulate.report import Effort, as_table, read_figures
from app.cli.dev.simulate.world import World, write_world
from app.cli.dev.stack import Stack
from app.cli.dispatch.instance import Instance, InstanceError, read_instance
from app.kernel.clock import set_virtual, wall_now
from app.kernel.transaction import transaction
from app.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

SEED = 1
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INSTANCE_UNREADABLE = 2
FAILURES = (StackError, Refused, Unanswered, WorkerStuck, TimeoutError, httpx.HTTPError, DBAPIError)
"""What ends a run early, each with a message for a person."""


class Share(click.FloatRange):
    """A share of all, from 0 to 1."""

    def __init__(self) -> None:
        super().__init__(0, 1)


def _names(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    for name in names:
        if name not in KILLABLE:
            raise click.BadParameter(f"{name!r} is none of {', '.join(KILLABLE)}")
    return names


@click.command(help=__doc__)
@click.option("--data", type=click.Path(path_type=Path), help="Folder of an instance; without it, a bundled evening.")
@click.option("--orders", type=click.IntRange(1, 5_000), help=f"Only so many orders; the evening has {ORDERS}.")
@click.option("--seed", default=SEED, show_default=True, help="Decides the evening and all chances.")
@click.option("--keep", type=click.Path(path_type=Path), help="Keep the stack's data in this new folder.")
@click.option("--wechat", type=Share(), default=0.2, show_default=True, help="Share of checkouts paid by WeChat Pay.")
@click.option("--two-shops", type=Share(), default=0.15, show_default=True, help="Share of carts over two shops.")
@click.option("--cancel", type=Share(), default=0.03, show_default=True, help="Share canceled before acceptance.")
@click.option("--reject", type=Share(), default=0.02, show_default=True, help="Share rejected by the shop.")
@click.option("--short", type=Share(), default=0.03, show_default=True, help="Share short of a line.")
@click.option("--fail", type=Share(), default=0.03, show_default=True, help="Share that fails at the door.")
@click.option("--confirm", type=Share(), default=0.5, show_default=True, help="Share that residents confirm.")
@click.option("--kill", callback=_names, default="", help=f"Kill these in turn: {','.join(KILLABLE)}.")
@click.option("--kill-every", type=click.FloatRange(1), default=20.0, show_default=True, help="Seconds between kills.")
@click.option("--kill-times", type=click.IntRange(1), help="How many kills in all; without it, until the end.")
def main(
    *,
    data: Path | None,
    orders: int | None,
    seed: int,
    keep: Path | None,
    kill: tuple[str, ...],
    kill_every: float,
    kill_times: int | None,
    **rates: float,
) -> None:
    """Run a simulation."""
    try:
        instance = make_evening(seed, orders or ORDERS) if data is None else read_instance(data)
    except InstanceError as error:
        print(f"dev.py simulate: {error}", file=sys.stderr)
        sys.exit(INSTANCE_UNREADABLE)
    if orders is not None:
        instance = instance.first(orders)
    folder = (keep or ROOT / "var" / "simulation" / f"{wall_now():%Y%m%d-%H%M%S}-{os.getpid()}").resolve()
    if folder.exists() and any(folder.iterdir()):
        raise click.BadParameter(f"{folder} is not empty", param_hint="--keep")
    for number in STOP_SIGNALS:
        if number == signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN:  # nohup keeps its promise
            signal.signal(number, _interrupt)
    console = Console()
    stack = Stack(data_dir=folder, ports=free_ports())
    is_proven = False
    try:
        with Ticker(console, len(instance.wishes)) as ticker:
            stack.say = ticker.say
            killer = Killer(stack, kill, kill_every, kill_times, ticker.say)
            baskets = plan_baskets(instance, Rates(**rates), seed)
            is_proven = simulate(instance, baskets, seed=seed, stack=stack, killer=killer, ticker=ticker)
    except FAILURES as error:
        print(f"dev.py simulate: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("dev.py simulate: interrupted", file=sys.stderr)
    finally:
        for number in STOP_SIGNALS:  # a second Ctrl-C would only leave things half-stopped; the wait is bounded
            signal.signal(number, signal.SIG_IGN)
        stack.stop()
    if is_proven and keep is None:
        shutil.rmtree(folder)
    else:
        console.print(f"The data is kept in {folder}", highlight=False, markup=False, soft_wrap=True)
    sys.exit(0 if is_proven else 1)


def simulate(
    instance: Instance, baskets: Sequence[Basket], *, seed: int, stack: Stack, killer: Killer, ticker: Ticker
) -> bool:
    """Start ``stack``, live through the day, print the table and the proof; return whether all holds."""
    ticker.say(f"{instance.name}: {len(instance.wishes)} orders, {len(instance.duties)} couriers. Starting a stack …")
    stack.start()
    os.environ.update(stack.settings)
    with create_app(read_settings()).app_context():
        world = _prepare(instance, baskets, seed)
        city = City(instance, world, Wire(), Agenda(), Record(), stack.urls.web, stack.urls.gateway)
        ticker.city = city
        began = time.monotonic()
        killer.start()
        try:
            Day(city, baskets, ticker.tell).run()
        except BaseException:
            city.wire.close()  # lets the threads of the agenda go
            raise
        finally:
            killer.stop()
            city.agenda.close()
        seconds = time.monotonic() - began
        stack.wait_ready()
        answers = city.wire.answers
        effort = Effort(
            seconds=seconds,
            requests=answers.total(),
            broken=answers["broken"] + answers["503"],
            kills=len(killer.kills),
        )
        figures = read_figures()
        faults = find_faults(city, figures, stack.settings["STRIPE_SECRET_KEY"])
        city.wire.close()
    ticker.show(as_table(f"dev.py simulate: {instance.name}", figures, effort), faults)
    return not faults


def _prepare(instance: Instance, baskets: Sequence[Basket], seed: int) -> World:
    with transaction() as tx:
        set_virtual(tx, fixed_at=MIDNIGHT)
        return write_world(tx, instance, baskets, seed)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main(prog_name="dev.py simulate")
