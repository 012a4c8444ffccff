"""The law of clearing, proven each minute from where the last daily file left it, and whole a few times a day.

A file's day is over: what is older than its end is matched for good, or it is one of few that are not, which are
*carried*. So a look needs those, and what was booked since; a million old facts are not read again. Whoever looks at
everything compares, and writes what is carried anew.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from app.core.payments.reconciliation import Source
from app.kernel.transaction import Transaction, read, transaction
from app.usecases.reconciling.ours import BOUNDS, GRACE, OURS

_NOT_REPORTED = """
    NOT EXISTS (SELECT 1 FROM recon_lines AS l WHERE l.object = o.object AND l.kind = o.kind AND l.source = 'stripe')
"""
_WHOLE = f"SELECT coalesce(sum(o.amount_fen), 0)::bigint AS fen FROM ({OURS[Source.STRIPE]}) AS o WHERE {_NOT_REPORTED}"
_SINCE = f"""
    SELECT coalesce(sum(o.amount_fen), 0)::bigint AS fen FROM (
        SELECT n.object, n.kind, n.amount_fen FROM ({OURS[Source.STRIPE]}) AS n
        WHERE n.ended_at >= coalesce((SELECT until FROM clearing_points WHERE source = 'stripe'), '-infinity')
          AND NOT EXISTS (SELECT 1 FROM clearing_carry AS c
              WHERE c.source = 'stripe' AND c.object = n.object AND c.kind = n.kind)
        UNION ALL
        SELECT c.object, c.kind, c.amount_fen FROM clearing_carry AS c WHERE c.source = 'stripe'
    ) AS o WHERE {_NOT_REPORTED}
"""


def _law(unreported: str) -> str:
    return f"""
    WITH clearing AS (
        SELECT coalesce(sum(posted_fen), 0)::bigint AS fen FROM ledger.balance WHERE code = 'gateway_clearing:stripe'
    ), theirs AS (
        SELECT coalesce(sum(total_fen - fee_fen), 0)::bigint AS fen FROM recon_files WHERE source = 'stripe'
    ), unposted AS (
        SELECT coalesce(sum(i.theirs_fen), 0)::bigint AS fen FROM recon_items AS i
        WHERE i.source = 'stripe' AND i.state = 'open' AND i.mismatch = 'missing_here' AND i.suspense_fen = 0
          AND i.theirs_fen IS DISTINCT FROM (SELECT o.amount_fen FROM ({OURS[Source.STRIPE]}) AS o
              WHERE o.object = i.object AND o.kind = i.kind)
    ), unreported AS ({unreported})
    SELECT clearing.fen AS clearing_fen, theirs.fen AS theirs_fen, unreported.fen - unposted.fen AS unmatched_fen,
        -clearing.fen - theirs.fen - unreported.fen + unposted.fen AS difference_fen
    FROM clearing, theirs, unposted, unreported
    """


_PROOF, _PROOF_SINCE = text(_law(_WHOLE)), text(_law(_SINCE))
_FORGET = text("DELETE FROM clearing_carry WHERE source = 'stripe'")
_CARRY = text(
    f"""
    WITH point AS (
        INSERT INTO clearing_points (source, until)
        VALUES ('stripe', least(CAST(:until AS timestamptz), clock_timestamp() - CAST(:grace AS interval)))
        ON CONFLICT (source) DO UPDATE SET until = greatest(clearing_points.until, excluded.until)
        RETURNING until
    )
    INSERT INTO clearing_carry (source, object, kind, amount_fen)
    SELECT 'stripe', o.object, o.kind, o.amount_fen FROM ({OURS[Source.STRIPE]}) AS o, point
    WHERE o.ended_at < point.until AND {_NOT_REPORTED}
    """
)
_LAST = text("SELECT coalesce((SELECT until FROM clearing_points WHERE source = 'stripe'), '-infinity') AS until")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearingProof:
    """The law of clearing: what we say the provider holds is what its files say, and what is not matched yet.

    ``-clearing = theirs + unmatched``, so ``difference_fen`` is 0, or something is wrong.
    """

    clearing_fen: int
    theirs_fen: int
    unmatched_fen: int
    difference_fen: int


def clearing_proof(*, is_whole: bool = False) -> ClearingProof:
    """Hold the clearing account to the provider's files, now.

    :param is_whole: look at everything, not only at what is carried and what came since.
    """
    if not is_whole:
        return ClearingProof(**read(_PROOF_SINCE).one()._mapping)
    with transaction() as tx:
        for bound in BOUNDS[:-1]:
            tx.execute(bound)
        return ClearingProof(**tx.execute(_PROOF).mappings().one())


def carry_forward(tx: Transaction, until: datetime) -> None:
    """Carry what is older than ``until`` and in no file; nothing older is looked at from now on. Never goes back."""
    tx.execute(_FORGET)
    tx.execute(_CARRY, {"until": until, "grace": GRACE})


def carry_anew() -> None:
    """Write what is carried anew, by a look at everything."""
    with transaction() as tx:
        for bound in BOUNDS:
            tx.execute(bound)
        carry_forward(tx, tx.execute(_LAST).scalar_one())
