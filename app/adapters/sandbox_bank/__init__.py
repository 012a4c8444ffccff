"""A bank that plays the outside world: it fetches payout files from a folder and puts its answers into another."""

import hashlib
import re
from datetime import date
from pathlib import Path

from app.core.payments.balance_files import balance_file
from app.core.settlement.bank_files import BankFileRefused, Order, answer_file, read_answers, read_payouts
from app.core.settlement.payouts import LineState
from app.kernel.files import put_whole

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def answer_of(order: Order) -> tuple[LineState, str]:
    """Return what this bank says: by the end of the number, so that a test or a demo can choose.

    0001 is closed, 0002 is busy at the first try, 0003 is paid and comes back, all others are paid.
    """
    tail, try_number = order.number[-4:], order.reference.rpartition("-")[2]
    if tail == "0001":
        return LineState.FAILED, "account_closed"
    if tail == "0002" and try_number == "1":
        return LineState.FAILED, "bank_busy"
    return LineState.PAID, ""


def work_once(folder: Path) -> int:
    """Answer every payout file in ``folder/out`` that has no answer in ``folder/in`` yet; return how many."""
    done = 0
    for path in sorted((folder / "out").glob("payout-*.csv")):
        mark = folder / "bank" / path.name
        if mark.exists():
            continue
        try:
            orders = read_payouts(path.read_bytes())
        except BankFileRefused:
            continue  # not whole yet, or not ours
        found = _DAY.search(path.name)
        assert found is not None, "a payout file names its day"
        day = date.fromisoformat(found[0])
        said = [(one, answer_of(one)) for one in orders]
        rows = [(one.reference, state, one.amount_fen, reason) for one, (state, reason) in said]
        put_whole(folder / "in" / f"answer-{day}-{path.stem[-12:]}.csv", answer_file(path.stem, day, rows))
        back = [
            (one.reference, LineState.RETURNED, one.amount_fen, "account_frozen")
            for one, (state, _) in said
            if state is LineState.PAID and one.number.endswith("0003")
        ]
        if back:
            put_whole(folder / "in" / f"return-{day}-{path.stem[-12:]}.csv", answer_file(f"r-{path.stem}", day, back))
        put_whole(folder / "statements" / f"statement-{day}.csv", _statement(folder, day))
        put_whole(mark, hashlib.sha256(path.read_bytes()).hexdigest().encode())
        done += 1
    return done


def _statement(folder: Path, day: date) -> bytes:
    """Return what was booked on ``day``, by the answers that were given."""
    rows = []
    given = {path.name for place in ("in", "done") for path in (folder / place).glob(f"*-{day}-*.csv")}
    for name in sorted(given):
        for answer in read_answers(_given(folder, name)).answers:
            kind, sign = {LineState.PAID: ("payout", -1), LineState.RETURNED: ("payout_return", 1)}.get(
                answer.state, ("", 0)
            )
            if sign:
                rows.append((f"{kind}-{answer.reference}", kind, answer.reference, sign * answer.amount_fen, 0))
    return "".join(balance_file("bank", day, rows)).encode()


def _given(folder: Path, name: str) -> bytes:
    """Return an answer that was given; it is taken from ``in`` to ``done`` at any moment."""
    try:
        return (folder / "in" / name).read_bytes()
    except FileNotFoundError:
        return (folder / "done" / name).read_bytes()
