"""Seeded faults of the gateway."""

from dataclasses import dataclass

from app.adapters.sandbox_faults import Faults, SeededDice


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan(Faults):
    """How often each fault happens, ``0 … 1``, and how long the slow ones take, seconds.

    :ivar lost_reply: the effect is done and durable, the connection is closed without an answer.
    :ivar error_500: a 500 before the effect; under an idempotency key it is stored, and repeated forever after.
    :ivar slow: the request waits ``slow_s`` before the effect; meanwhile its key is taken.
    :ivar duplicate: a notice is sent three times. :ivar late: a notice first waits ``late_s``.
    :ivar missing_line: a line is left out of the daily file. :ivar extra_line: a line about nothing of ours is added.
    :ivar refund_back: a refund succeeds and fails ``refund_back_s`` later: its money comes back to the balance.
    :ivar reorder: a notice waits ``reorder_s``, so that later ones overtake it.
    """

    lost_reply: float = 0.0
    error_500: float = 0.0
    slow: float = 0.0
    duplicate: float = 0.0
    late: float = 0.0
    reorder: float = 0.0
    missing_line: float = 0.0
    extra_line: float = 0.0
    refund_back: float = 0.0
    slow_s: float = 2.0
    late_s: float = 5.0
    reorder_s: float = 0.5
    refund_back_s: float = 5.0


Dice = SeededDice[FaultPlan]
