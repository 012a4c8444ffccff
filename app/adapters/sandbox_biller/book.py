"""What the sandbox keeps: bills that were put, locks, payments by key. One SQLite file, flushed at each commit."""

import hashlib
import sqlite3
import threading
import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
LOCK_S = 600
PREPAID = "-prepaid"
DUE_DAY = 25
_BUSY_S = 10.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS bill (
    biller TEXT NOT NULL, number TEXT NOT NULL, bill_no TEXT NOT NULL, month TEXT NOT NULL, due_on TEXT NOT NULL,
    amount_fen INTEGER NOT NULL, PRIMARY KEY (biller, number, bill_no)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lock (lock TEXT PRIMARY KEY, amount_fen INTEGER NOT NULL, until REAL NOT NULL)
    STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS payment (
    key TEXT PRIMARY KEY, biller TEXT NOT NULL, number TEXT NOT NULL, bill_no TEXT, amount_fen INTEGER NOT NULL,
    request TEXT NOT NULL, state TEXT NOT NULL, refusal TEXT, reference TEXT NOT NULL, due_at REAL, booked_on TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS payment_of_bill ON payment (biller, number, bill_no);
CREATE INDEX IF NOT EXISTS payment_by_day ON payment (biller, booked_on);
"""


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment as the house knows it."""

    key: str
    biller: str
    number: str
    bill_no: str | None
    amount_fen: int
    state: str
    refusal: str | None
    reference: str
    booked_on: str | None


@dataclass(frozen=True, slots=True)
class Bill:
    """A bill with what was paid of it."""

    bill_no: str
    month: str
    due_on: str
    amount_fen: int
    paid_fen: int


def exists(number: str) -> bool:
    """Say whether there is an account with this number."""
    return number.isdigit() and not number.startswith("9")


def _digest(*parts: str) -> int:
    return int.from_bytes(hashlib.sha256("|".join(parts).encode()).digest()[:6])


class Book:
    """The file, behind one lock: a sandbox has few visitors.

    :param folder: created when missing. One process at a time.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(
            folder / "billers.sqlite3", timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)

    def put_bill(self, biller: str, number: str, bill: Bill) -> None:
        """Make a bill, or change one."""
        with self._lock:
            self._db.execute(
                "INSERT OR REPLACE INTO bill VALUES (?, ?, ?, ?, ?, ?)",
                (biller, number, bill.bill_no, bill.month, bill.due_on, bill.amount_fen),
            )

    def bills(self, biller: str, number: str) -> list[tuple[Bill, str]]:
        """Return the open bills of an account, each with a lock on its amount."""
        with self._lock:
            self._settle()
            found = []
            for bill in self._bills(biller, number):
                if bill.paid_fen < bill.amount_fen:
                    lock = f"lk{_digest(biller, number, bill.bill_no, str(time.time_ns())):x}"
                    self._db.execute(
                        "INSERT OR REPLACE INTO lock VALUES (?, ?, ?)", (lock, bill.amount_fen, time.time() + LOCK_S)
                    )
                    found.append((bill, lock))
            return found

    def balance_fen(self, biller: str, number: str) -> int:
        """Return what is left on a prepaid account: something by its number, and what was paid in."""
        with self._lock:
            self._settle()
            paid = self._db.execute(
                "SELECT coalesce(sum(amount_fen), 0) FROM payment"
                " WHERE biller = ? AND number = ? AND bill_no IS NULL AND state = 'succeeded'",
                (biller, number),
            ).fetchone()[0]
        return _digest(biller, number) % 5_000 + int(paid)

    def pay(  # noqa: PLR0917 - what a payment is made of
        self, key: str, biller: str, number: str, bill_no: str | None, lock: str | None, amount_fen: int,
        *, refusal: str | None, wait_s: float,
    ) -> Payment | None:  # fmt: skip
        """Take a payment, once for a key; None: the key stands for another.

        :param refusal: refuse for this reason, whatever the bill says. :param wait_s: book it so much later.
        """
        request = f"{biller}|{number}|{bill_no}|{amount_fen}"
        with self._lock:
            self._settle()
            known = self._db.execute("SELECT request FROM payment WHERE key = ?", (key,)).fetchone()
            if known is not None:
                return self._payment(key) if known[0] == request else None
            refusal = refusal or self._refusal(biller, number, bill_no, lock, amount_fen)
            state = "refused" if refusal else "processing" if wait_s else "succeeded"
            self._db.execute(
                "INSERT INTO payment VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    key, biller, number, bill_no, amount_fen, request, state, refusal, f"BL{_digest(key):015d}",
                    time.time() + wait_s if state == "processing" else None,
                    self._today() if state == "succeeded" else None,
                ),
            )  # fmt: skip
            return self._payment(key)

    def book_refused(self, key: str) -> None:
        """Book what was refused, as houses should not."""
        with self._lock:
            self._db.execute("UPDATE payment SET booked_on = ? WHERE key = ?", (self._today(), key))

    def payment(self, key: str) -> Payment | None:
        """Return a payment."""
        with self._lock:
            self._settle()
            return self._payment(key)

    def booked(self, biller: str, day: str) -> list[Payment]:
        """Return what was booked for a biller on a day."""
        with self._lock:
            self._settle()
            rows = self._db.execute(
                "SELECT key FROM payment WHERE biller = ? AND booked_on = ? ORDER BY key", (biller, day)
            ).fetchall()
            return [one for row in rows if (one := self._payment(row[0])) is not None]

    def _payment(self, key: str) -> Payment | None:
        row = self._db.execute(
            "SELECT key, biller, number, bill_no, amount_fen, state, refusal, reference, booked_on FROM payment"
            " WHERE key = ?",
            (key,),
        ).fetchone()
        return None if row is None else Payment(*row)

    def _settle(self) -> None:
        self._db.execute(
            "UPDATE payment SET state = 'succeeded', booked_on = ? WHERE state = 'processing' AND due_at <= ?",
            (self._today(), time.time()),
        )

    def _refusal(
        self, biller: str, number: str, bill_no: str | None, lock: str | None, amount_fen: int
    ) -> str | None:  # fmt: skip
        if not exists(number):
            return "no_such_account"
        if bill_no is None:
            return None if biller.endswith(PREPAID) else "not_prepaid"
        bill = next((one for one in self._bills(biller, number) if one.bill_no == bill_no), None)
        if bill is None:
            return "no_such_bill"
        locked = self._db.execute(
            "SELECT amount_fen FROM lock WHERE lock = ? AND until > ?", (lock, time.time())
        ).fetchone()
        agreed_fen = bill.amount_fen if locked is None else int(locked[0])
        return "amount_changed" if amount_fen > agreed_fen - bill.paid_fen else None

    def _bills(self, biller: str, number: str) -> list[Bill]:
        """Return the bills of an account: those that were put, and last month's, unless it was put."""
        rows = self._db.execute(
            "SELECT bill_no, month, due_on, amount_fen FROM bill WHERE biller = ? AND number = ? ORDER BY month",
            (biller, number),
        ).fetchall()
        if not rows and exists(number) and not biller.endswith(PREPAID):
            first = datetime.fromtimestamp(time.time(), SHANGHAI).date().replace(day=1)
            last = (first - timedelta(days=1)).strftime("%Y-%m")
            rows = [
                (f"{last}-{_digest(biller, number, last) % 10**9:09d}", last, str(first.replace(day=DUE_DAY)),
                 3_000 + _digest(biller, number, last) % 27_000)
            ]  # fmt: skip
        paid = dict(
            self._db.execute(
                "SELECT bill_no, sum(amount_fen) FROM payment"
                " WHERE biller = ? AND number = ? AND booked_on IS NOT NULL GROUP BY bill_no",
                (biller, number),
            ).fetchall()
        )
        return [Bill(no, month, due_on, fen, int(paid.get(no, 0))) for no, month, due_on, fen in rows]

    @staticmethod
    def _today() -> str:
        found: date = datetime.fromtimestamp(time.time(), SHANGHAI).date()
        return found.isoformat()
