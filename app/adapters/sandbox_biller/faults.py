"""Seeded faults of the billers."""

from dataclasses import dataclass

from app.adapters.sandbox_faults import Faults, SeededDice


@dataclass(frozen=True, slots=True, kw_only=True)
class BillerFaults(Faults):
    """How often each fault happens to a payment, ``0 … 1``, and how long the slow ones take, seconds.

    :ivar lost_reply: it is booked and durable, the connection is closed without an answer.
    :ivar lost_request: the connection is closed before anything was done.
    :ivar error_500: a 500 before anything was done. :ivar down: nothing but 503.
    :ivar slow: the answer waits ``slow_s``. :ivar processing: it is booked after ``processing_s``.
    :ivar refuse: a definite no. :ivar forget: a no whose payment is booked all the same.
    :ivar duplicate: a line of the nightly file stands twice. :ivar missing_line, extra_line: of the nightly file.
    """

    lost_reply: float = 0.0
    lost_request: float = 0.0
    error_500: float = 0.0
    down: float = 0.0
    slow: float = 0.0
    processing: float = 0.0
    refuse: float = 0.0
    forget: float = 0.0
    duplicate: float = 0.0
    missing_line: float = 0.0
    extra_line: float = 0.0
    slow_s: float = 2.0
    processing_s: float = 1.0


Dice = SeededDice[BillerFaults]
