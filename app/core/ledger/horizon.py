"""How far one may read journals and miss none: a number is given before its transaction commits.

A reader that goes on from a mark keeps two things beside it: the latest journal that it saw, and which transactions
were under way then. It moves its mark to what it saw once all of those have ended.
"""

HORIZON = """
    ledger.latest_journal() AS latest_journal_id,
    CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint) AS oldest_xid,
    CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint) AS next_xid"""
"""Columns: the latest journal in sight, the oldest transaction under way, and one above all that have begun.

Whoever keeps ``latest_journal_id`` with ``next_xid`` has all journals up to it in sight when ``oldest_xid`` has reached
that ``next_xid``; read by a statement before the one that reads the journals.
"""
