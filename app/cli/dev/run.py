"""``dev.py run``: a whole Linli for a person, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

import click

from app.cli.dev.environment import ROOT, StackError, data_dir_from, ports_from
from app.cli.dev.stack import Stack

if TYPE_CHECKING:
    from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def describe(stack: Stack, sign_ins: str) -> str:
    """Return what a person needs to use ``stack``."""
    urls = stack.urls
    rows = [
        ("API", f"{urls.web}/health   {urls.web}/openapi.json"),
        ("Docs", f"{urls.web}/docs"),
        ("Live events", urls.live),
    ]
    if stack.settings.get("STRIPE_API_BASE") == urls.gateway:
        rows.append(("Sandbox gateway", f"{urls.gateway}/   (scan WeChat Pay codes here)"))
    if stack.settings.get("LINLI_BILLER_URL") == urls.billers:
        rows.append(("Sandbox billers", f"{urls.billers}/health"))
    rows += [
        ("Database", "the server of DATABASE_URL" if stack.postgres is None else f"{stack.postgres.url()}"),
        ("Data", str(stack.data_dir)),
        ("Processes", "  ".join(f"{name} {pid}" for name, pid in stack.pids.items())),
        ("Operator", f"{ROOT / '.venv/bin/linli'} --help"),
    ]
    lines = ["", "Linli is up.", *(f"  {label:<16} {text}" for label, text in rows), ""]
    if sign_ins.strip():
        lines += [sign_ins.rstrip(), ""]
    return "\n".join([*lines, "Ctrl-C stops everything; the data stays."])


@click.command(help=__doc__)
@click.option("--demo/--no-demo", default=True, show_default=True, help="Load the demo when it is not there yet.")
@click.option("--quiet", is_flag=True, help="Keep the processes' lines to the log files.")
def main(*, demo: bool, quiet: bool) -> None:
    """Run a stack and wait for the signal to stop it."""
    for number in STOP_SIGNALS:
        if number == signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN:  # nohup keeps its promise
            signal.signal(number, _interrupt)
    stack: Stack | None = None
    try:
        stack = Stack(
            data_dir=data_dir_from(os.environ, ROOT / "var"),
            ports=ports_from(os.environ),
            demo=demo,
            inherit=True,
            quiet=quiet,
            say=_say,
        )
        _say("Starting Linli …")
        stack.start()
        _say(describe(stack, stack.run_linli("demo", "sign-ins") if demo else ""))
        threading.Event().wait()
    except StackError as error:
        sys.exit(f"dev.py run: {error}")
    except KeyboardInterrupt:
        _say("\nStopping …")
    finally:
        # From here on a second Ctrl-C would only leave things half-stopped; the wait is bounded.
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        if stack is not None:
            stack.stop()


if __name__ == "__main__":
    main(prog_name="dev.py run")
