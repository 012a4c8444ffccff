"""Figures come to an end: what was made anew is not made again and again for the journals of days gone by."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from app.core import ledger
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.kernel.ids import new_id
from app.kernel.transaction import transaction
from app.usecases.attributing.refresh import DAYS_MAX, refresh_figures
from tests.factories import a_resident, a_store_clerk
from tests.factories.rows import change, look_one
from tests.support.sandbox_gateway import wait_until

if TYPE_CHECKING:
    from flask import Flask

DAYS = DAYS_MAX + 9


def test_journals_of_more_days_than_a_round_makes_are_made_once(app: Flask) -> None:
    a_store_clerk()  # of a store that has days
    change("UPDATE figure_marks SET day = CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date)")
    account = codes.e_account(a_resident().account_id)
    for number in range(DAYS):
        legs = (Leg(account, 100), Leg(codes.BANK_SETTLEMENT, -100))
        on = date(2090, 1, 1) + timedelta(days=number)
        with transaction() as tx:
            ledger.post(tx, Journal(key=f"day:{new_id()}", kind=JournalKind.OPENING, legs=legs, effective_on=on))

    def are_made() -> bool:
        refresh_figures()
        found = "SELECT count(DISTINCT day) FROM store_days WHERE day BETWEEN '2090-01-01' AND '2090-02-09'"
        return bool(look_one(found) == DAYS)

    wait_until(are_made)  # transactions of the server's other databases count as under way, too

    assert look_one("SELECT count(*) FROM figure_dirt WHERE day BETWEEN '2090-01-01' AND '2090-02-09'") == 0
