"""What the worker does for money's health: watching it, proving the books, taking last night's files."""

from collections.abc import Callable
from datetime import date, timedelta
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
    """Take files of the last days that are there and were not taken yet. Providers' days go by wall time."""
    yesterday = (wall_now().astimezone(SHANGHAI) - FILES_AFTER).date() - timedelta(days=1)
    days = [yesterday - timedelta(days=back) for back in range(BACK_DAYS)]
    gateway = app.extensions["linli_gateway"]
    for source in Source:
        taken = {row.day for row in read(_TAKEN, {"source": source.value, "since": days[-1]})}
        for day in sorted(set(days) - taken):
            try:
                if source is Source.STRIPE and isinstance(gateway, StripeClient):
                    reconcile(source, day, gateway.balance_file(day))
                elif source is Source.BANK and settings.bank_dir is not None:
                    _take_banks(Path(settings.bank_dir), day)
            except BalanceFileRefused as refusal:
                log.error("a balance file was refused", source=source, day=str(day), line=refusal.line, why=refusal.why)  # noqa: TRY400 - the facts
            except (GatewayRefused, GatewayUnknown, GatewayUnreachable):
                continue  # it is not there yet


def _take_banks(folder: Path, day: date) -> None:
    path = folder / "statements" / f"statement-{day}.csv"
    if path.exists():
        with path.open(encoding="utf-8", newline="") as lines:
            reconcile(Source.BANK, day, lines)
