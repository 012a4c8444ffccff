"""The closing table: what became of the orders, how long they took, who got the money."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.table import Table
from sqlalchemy import text

from app.cli.dev.simulate.pulse import ask

if TYPE_CHECKING:
    from app.kernel.transaction import Transaction

_ORDERS = text(
    """
    SELECT count(*) AS placed,
           count(*) FILTER (WHERE delivered_at IS NOT NULL) AS delivered,
           count(*) FILTER (WHERE state = 'returned') AS returned,
           count(*) FILTER (WHERE state = 'completed' AND delivered_at IS NULL) AS disposed,
           count(*) FILTER (WHERE shorted_at IS NOT NULL) AS shorted,
           avg(extract(epoch FROM delivered_at - placed_at)) / 60 AS door_mean,
           percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM delivered_at - placed_at)) / 60 AS door_p90,
           avg(extract(epoch FROM picked_up_at - ready_at)) / 60 AS counter_mean
    FROM orders
    """
)
_TIMES = ("door_mean", "door_p90", "counter_mean")
_CANCELED = text(
    """
    SELECT cancel_reason, count(*) AS orders FROM orders WHERE state = 'canceled'
    GROUP BY cancel_reason ORDER BY cancel_reason
    """
)
_MONEY = text(
    """
    SELECT coalesce(sum(posted_fen) FILTER (WHERE kind LIKE 'merchant^_%' ESCAPE '^'), 0) AS merchants_fen,
           coalesce(sum(posted_fen) FILTER (WHERE kind LIKE 'courier^_%' ESCAPE '^'), 0) AS couriers_fen,
           coalesce(sum(posted_fen) FILTER (WHERE kind = 'commission'), 0) AS commission_fen,
           coalesce(sum(posted_fen) FILTER (WHERE kind = 'delivery_income'), 0) AS delivery_income_fen,
           coalesce(-sum(posted_fen) FILTER (WHERE kind = 'platform_loss'), 0) AS platform_loss_fen,
           (SELECT coalesce(sum(amount_fen), 0) FROM refunds) AS refunds_fen,
           (SELECT coalesce(sum(amount_fen), 0) FROM late_compensations) AS made_good_fen,
           (SELECT coalesce(sum(amount_fen), 0) FROM payments WHERE state = 'paid') AS paid_fen
    FROM ledger.balance
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the database says after the day; times in simulated minutes, None when nothing was delivered."""

    placed: int
    delivered: int
    returned: int
    disposed: int
    shorted: int
    canceled: dict[str, int]
    door_mean: float | None
    door_p90: float | None
    counter_mean: float | None
    paid_fen: int
    merchants_fen: int
    couriers_fen: int
    commission_fen: int
    delivery_income_fen: int
    refunds_fen: int
    made_good_fen: int
    platform_loss_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What the run cost: wall seconds, requests, answers by status, processes killed."""

    seconds: float
    requests: int
    broken: int
    kills: int


def read_figures() -> Figures:
    """Read them all in one snapshot."""
    return ask(_read)


def _read(tx: Transaction) -> Figures:
    orders: dict[str, Any] = dict(tx.execute(_ORDERS).mappings().one())
    times: dict[str, Any] = {name: None if (value := orders.pop(name)) is None else float(value) for name in _TIMES}
    canceled = {row.cancel_reason: row.orders for row in tx.execute(_CANCELED)}
    money = {name: int(fen) for name, fen in tx.execute(_MONEY).mappings().one().items()}
    return Figures(**orders, **times, **money, canceled=canceled)


def as_table(title: str, figures: Figures, effort: Effort) -> Table:
    """Return the closing table."""
    table = Table(title=title, show_header=False, title_justify="left")
    table.add_column("what")
    table.add_column("how much", justify="right")
    rate = effort.requests / effort.seconds if effort.seconds else 0.0
    sections: list[list[tuple[str, str]]] = [
        [
            ("orders placed", str(figures.placed)),
            ("delivered", str(figures.delivered)),
            ("canceled", str(sum(figures.canceled.values()))),
            *((f"  {reason}", str(count)) for reason, count in figures.canceled.items()),
            ("returned", str(figures.returned)),
            ("disposed of", str(figures.disposed)),
            ("short of something", str(figures.shorted)),
        ],
        [
            ("click to door, mean", _minutes(figures.door_mean)),
            ("click to door, 90 % within", _minutes(figures.door_p90)),
            ("ready to picked up, mean", _minutes(figures.counter_mean)),
        ],
        [
            ("paid by residents", _yuan(figures.paid_fen)),
            ("to merchants", _yuan(figures.merchants_fen)),
            ("to couriers", _yuan(figures.couriers_fen)),
            ("commission", _yuan(figures.commission_fen)),
            ("delivery income", _yuan(figures.delivery_income_fen)),
            ("refunds", _yuan(figures.refunds_fen)),
            ("late orders made good", _yuan(figures.made_good_fen)),
            ("loss borne by the platform", _yuan(-figures.platform_loss_fen)),
        ],
        [
            ("requests", f"{effort.requests:,}"),
            ("requests per second", f"{rate:,.0f}"),
            ("requests without an answer, repeated", str(effort.broken)),
            ("processes killed", str(effort.kills)),
            ("wall time", f"{effort.seconds:.1f} s"),
        ],
    ]
    for section in sections:
        for row in section:
            table.add_row(*row)
        table.add_section()
    return table


def _minutes(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} min"


def _yuan(fen: int) -> str:
    return f"{'-' if fen < 0 else ''}¥{abs(fen) // 100:,}.{abs(fen) % 100:02d}"
