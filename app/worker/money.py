"""What the worker does for money's health: watching it, proving the books, taking last night's files."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import structlog
from flask import Flask
from sqlalchemy import text

from app.adapters.alarms import webhook
from app.adapters.stripe.client import StripeClient
from app.core.payments.balance_files import BalanceFileRefused
from app.core.payments.ports import GatewayRefused, GatewayUnknown, GatewayUnreachable
from app.core.payments.reconciliation import Source
from app.kernel.clock import SHANGHAI, wall_now
from app.kernel.lines import lines_in
from app.kernel.transaction import read
from app.settings import Settings
from app.usecases.disputing.follow import look_for_disputes
from app.usecases.reconciling.prove import prove_all, prove_new
from app.usecases.reconciling.reconcile import reconcile
from app.usecases.reconciling.watch import figures, watch_money

PROVE_S = 6 * 3600
BACK_DAYS = 7
FILES_AFTER = timedelta(hours=2)
"""Yesterday's files are ready by two in the morning."""

log = structlog.get_logger()

_TAKEN = text("SELECT day FROM recon_files WHERE source = :source AND day >= :since")


def watch_of(app: Flask, settings: Settings) -> Callable[[], int]:
    """Return the round of the watch."""
    tell = webhook(settings.alarm_url)

    def watch() -> int:
        _look_for_disputes(app)
        _take_files(app, settings)
        if not 0 <= figures()["books_proof_age_s"] < PROVE_S:
            prove_all()
        prove_new()
        watch_money(tell)
        return 0  # it always pauses

    return watch


def _look_for_disputes(app: Flask) -> None:
    try:
        look_for_disputes(app.extensions["linli_gateway"])
    except (GatewayRefused, GatewayUnknown, GatewayUnreachable) as error:
        log.warning("disputes could not be looked for", why=type(error).__name__)


def _take_files(app: Flask, settings: Settings) -> None:
    gateway = app.extensions["linli_gateway"]
    if isinstance(gateway, StripeClient):
        take_files_of(Source.STRIPE, gateway.balance_file)
    if settings.bank_dir is not None:
        take_files_of(Source.BANK, partial(statement_in, Path(settings.bank_dir)))


def take_files_of(source: Source, file_of: Callable[[date], Iterable[str] | None]) -> None:
    """Take files of the last days that are there and were not taken yet. Providers' days go by wall time.

    One that is refused, or cannot be read, is an alarm in the log, is asked for again, and keeps nothing else waiting.
    """
    yesterday = (wall_now().astimezone(SHANGHAI) - FILES_AFTER).date() - timedelta(days=1)
    days = [yesterday - timedelta(days=back) for back in range(BACK_DAYS)]
    taken = {row.day for row in read(_TAKEN, {"source": source.value, "since": days[-1]})}
    for day in sorted(set(days) - taken):
        try:
            lines = file_of(day)
            if lines is not None:
                reconcile(source, day, lines)
        except BalanceFileRefused as refusal:
            log.error("a balance file was refused", source=source, day=str(day), line=refusal.line, why=refusal.why)  # noqa: TRY400 - the facts
        except OSError as error:
            log.error("a balance file cannot be read", source=source, day=str(day), why=type(error).__name__)  # noqa: TRY400 - the facts
        except (GatewayRefused, GatewayUnknown, GatewayUnreachable):
            continue  # it is not there yet


def statement_in(folder: Path, day: date) -> Iterator[str] | None:
    """Return the lines of the bank's statement of a day; None while there is none."""
    path = folder / "statements" / f"statement-{day}.csv"
    return lines_in(path) if path.exists() else None
