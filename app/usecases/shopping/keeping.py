"""The last quotes that a resident was told, kept so that a change can be told field by field when one is placed."""

from dataclasses import asdict
from uuid import UUID

import orjson
from sqlalchemy import text

from app.core.orders.agreed import Agreed, changes_between
from app.core.orders.errors import QuoteChanged
from app.kernel.errors import Conflict
from app.kernel.transaction import Transaction, write_alone
from app.usecases.shopping.quoting import PricedCart

KEPT_MAX = 5
"""Quotes of one resident; the oldest makes room."""

_KEEP = text(
    f"""
    WITH kept AS (
        INSERT INTO kept_quotes (account_id, quote_version, agreed, quoted_at)
        VALUES (:account_id, :quote_version, CAST(:agreed AS jsonb), business_now())
        ON CONFLICT (account_id, quote_version) DO UPDATE SET quoted_at = excluded.quoted_at
    )
    DELETE FROM kept_quotes WHERE account_id = :account_id AND quote_version IN (
        SELECT quote_version FROM kept_quotes WHERE account_id = :account_id AND quote_version <> :quote_version
        ORDER BY quoted_at DESC OFFSET {KEPT_MAX - 1})
    """
)
_READ = text("SELECT agreed FROM kept_quotes WHERE account_id = :account_id AND quote_version = :quote_version")


def keep_quote(account_id: UUID, version: str, agreed: Agreed) -> None:
    """Keep what a quote said, among the last :data:`KEPT_MAX` of the resident."""
    write_alone(_KEEP, {"account_id": account_id, "quote_version": version, "agreed": orjson.dumps(agreed).decode()})


def refuse_changed(tx: Transaction, cart: PricedCart, *, account_id: UUID, quote_version: str) -> Conflict:
    """Return why ``cart`` is not what was agreed to: every difference to ``quote_version``, where that is known."""
    was = tx.execute(_READ, {"account_id": account_id, "quote_version": quote_version}).scalar_one_or_none()
    if was is None and cart.refusals:
        return cart.refusals[0]
    is_sold = not cart.refusals
    return QuoteChanged(
        pointer="/quote_version",
        total_fen=cart.quote.total_fen if is_sold else None,
        quote_version=cart.quote.version if is_sold else None,
        changes=None if was is None else [asdict(one) for one in changes_between(was, cart.quote.agreed)],
        refusals=None if was is None else [{"code": one.code, **one.params} for one in cart.refusals],
    )
