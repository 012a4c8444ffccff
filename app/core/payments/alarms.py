"""When money raises an alarm (资金告警): one table, read by the watch and shown by the page of health."""

from collections.abc import Mapping

FIGURES = {
    "suspense_fen": "money that cannot be matched yet, fen; every fen of it is an open question",
    "clearing_difference_fen": "what clearing is off from the provider's files and what is unmatched, fen",
    "missing_here": "lines of others that we have not booked",
    "missing_there": "movements of ours that others have not booked",
    "amount_differs": "lines that both booked, not the same",
    "unknown_over_2m": "calls to the provider whose outcome has been unknown for over two minutes",
    "unknown_over_1h": "the same, for over an hour",
    "unknown_over_24h": "the same, for over a day",
    "outbox_lag_s": "age of the oldest event that is not published, seconds",
    "parked_reactions": "reactions that failed for good",
    "parked_timers": "timers that failed for good",
    "settlement_due": "parties whose statement is due",
    "payouts_ready": "payouts that wait for a file",
    "payouts_sent": "payouts whose answer is awaited",
    "payouts_silent": "payouts sent three days ago or earlier without an answer",
    "disputes_due": "disputes that must be answered within two days and are not",
    "disputes_left": "disputes that are over, and of which something is borne by nobody yet",
    "bill_differences": "what billers' files and our payments of bills do not agree about",
    "bank_files_refused": "files of the bank that were refused in the last day",
    "books_proof_age_s": "seconds since the whole books were proven",
    "books_look_age_s": "seconds since what is new in the books was proven",
    "books_unsound": "of the last two proofs, of everything and of what is new, how many found something",
}
"""Each figure, and what it counts."""

_MOST: Mapping[str, int] = {
    "missing_there": 0,
    "amount_differs": 0,
    "missing_here": 0,
    "unknown_over_1h": 0,
    "outbox_lag_s": 60,
    "parked_reactions": 0,
    "parked_timers": 0,
    "payouts_silent": 0,
    "disputes_due": 0,
    "disputes_left": 0,
    "bill_differences": 0,
    "bank_files_refused": 0,
    "books_look_age_s": 300,
    "books_unsound": 0,
}
"""Above this a figure raises an alarm. Money in suspense and a difference of clearing do at one fen, either way."""
_NEVER_OFF = frozenset({"suspense_fen", "clearing_difference_fen"})


def alarms_of(figures: Mapping[str, int]) -> dict[str, int]:
    """Return the figures that raise an alarm, with their values."""
    return {
        name: value
        for name, value in figures.items()
        if (name in _NEVER_OFF and value != 0) or (name in _MOST and value > _MOST[name])
    }
