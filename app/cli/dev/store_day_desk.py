"""What a day at a store holds at its desk: the queue, bills and transfers for who has no phone at hand."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from app.cli.demo.world import PIN
from app.cli.dev.store_day_acts import BILL_WAIT_S, number_at

if TYPE_CHECKING:
    from app.cli.dev.store_day import Day

ALWAYS = {str(weekday): [["00:00", "24:00"]] for weekday in range(1, 8)}
FIRST_NUMBER, SENT_FEN = 100, 4_321
PAYER, PAYEE_PHONE = 3, "+8613900000002"
ERRANDS = 3
"""Two bills, and money sent once."""


def keep_queue(day: Day) -> None:
    """Two people take tickets, one is handed one; two clerks call one each, serve, and note who was not there."""
    hours = {"store_id": day.store_id, "hours": ALWAYS}
    day.manager.put("/desk-hours", hours)
    wish = {"store_id": day.store_id, "topic": "cash"}
    first = day.person("user", 1).post("/desk-tickets", wish)
    second = day.person("user", 2).post("/desk-tickets", wish)
    day.refused("desk_ticket_exists", lambda: day.person("user", 1).post("/desk-tickets", wish))
    third = day.clerk.post("/desk-tickets", wish)
    day.hold("numbers", [one["number"] for one in (first, second, third)], [1, 2, 3])
    at = {"store_id": day.store_id}
    called = [clerk.post("/desk-calls", at) for clerk in (day.clerk, day.manager)]
    day.hold("called", [one["number"] for one in called], [1, 2])
    day.refused("clerk_is_serving", lambda: day.clerk.post("/desk-calls", at))
    day.clerk.post(f"/desk-tickets/{called[0]['ticket_id']}/service")
    day.manager.post(f"/desk-tickets/{called[1]['ticket_id']}/no-show")
    last = day.clerk.post("/desk-calls", at)
    day.clerk.post(f"/desk-tickets/{last['ticket_id']}/service")
    day.refused("nobody_waits", lambda: day.clerk.post("/desk-calls", at))
    for state in ("served", "no_show"):
        day.facts[f"tickets {state}"] = len(day.manager.get("/desk-tickets", state=state)["items"])


def pay_at_desk(day: Day) -> None:
    """Have a bill paid in cash by who shows the card, and one from the account by who shows a code."""
    by_card = day.clerk.post("/desk-visits/by-card", day.cards[0])["visit_id"]
    _pay(day, by_card, FIRST_NUMBER, "cash")
    code = day.person("user", PAYER).post("/desk-codes")["code"]
    _pay(day, day.clerk.post("/desk-visits/by-code", {"code": code})["visit_id"], FIRST_NUMBER + 1, "e_account")


def _pay(day: Day, visit_id: str, number: int, paid_from: str) -> None:
    [biller] = [one for one in day.clerk.get("/billers")["items"] if one["is_prepaid"] and one["kind"] == "electricity"]
    asked = {"biller_id": biller["biller_id"], "number": number_at(biller, day, number)}
    [quote] = day.clerk.post(f"/desk-visits/{visit_id}/bill-queries", asked)["quotes"]
    amount_fen = max(biller["minimum_fen"], 3_000) + number
    wish = {"visit_id": visit_id, "quote_id": quote["quote_id"], "amount_fen": amount_fen, "paid_from": paid_from}
    path = f"/tills/{day.till_id}/bill-payments"
    if paid_from == "e_account":
        day.refused("desk_confirmation_needed", lambda: day.clerk.post(path, wish))
        confirmed = {"pin": PIN, "amount_fen": amount_fen, "subject_id": quote["quote_id"]}
        day.clerk.post(f"/desk-visits/{visit_id}/confirmation", confirmed)
    else:
        day.cash_fen += amount_fen
    paid = day.clerk.post(path, wish)
    day.refused("bill_quote_used", lambda: day.clerk.post(path, wish))
    _await(day, paid)
    day.count("desk_bills_fen", amount_fen)


def _await(day: Day, paid: dict[str, Any]) -> None:
    deadline, state = time.monotonic() + BILL_WAIT_S, paid["state"]
    while state in {"debited", "submitted", "unknown"} and time.monotonic() < deadline:
        time.sleep(0.5)
        listed = {one["bill_payment_id"]: one["state"] for one in day.clerk.get("/desk-bills")["items"]}
        state = listed[paid["bill_payment_id"]]
    day.hold("bill at the desk", state, "succeeded")


def send_at_desk(day: Day) -> None:
    """Have money sent in cash, by who shows the card and by nobody else."""
    by_card = day.clerk.post("/desk-visits/by-card", day.cards[1])["visit_id"]
    code = day.person("user", PAYER).post("/desk-codes")["code"]
    by_code = day.clerk.post("/desk-visits/by-code", {"code": code})["visit_id"]
    phone = {"phone": PAYEE_PHONE}
    day.refused("desk_card_needed", lambda: day.clerk.post(f"/desk-visits/{by_code}/payees", phone))
    payee_id = day.clerk.post(f"/desk-visits/{by_card}/payees", phone)["payee_id"]
    wish = {"visit_id": by_card, "payee_id": payee_id, "amount_fen": SENT_FEN, "paid_from": "cash"}
    sent = day.clerk.post(f"/tills/{day.till_id}/transfers", wish)
    day.cash_fen += SENT_FEN
    day.hold("till after a transfer", sent["till_cash_fen"], day.cash_fen)
    day.count("desk_sent_fen", SENT_FEN)
