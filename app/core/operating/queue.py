"""What waits for a person of the platform (待办), how long it may, and who may end it: rows."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class WorkKind(StrEnum):
    """What waits."""

    SHOP_REVIEW = "shop_review"
    OFFER_REVIEW = "offer_review"
    PAPER_REVIEW = "paper_review"
    LISTING_CLAIM = "listing_claim"
    CASE_RULING = "case_ruling"
    RATING_APPEAL = "rating_appeal"
    INCIDENT = "incident"
    MISMATCH = "mismatch"
    PAYOUT = "payout"
    APPROVAL = "approval"
    CASH_DIFFERENCE = "cash_difference"
    DISPUTE = "dispute"
    SHOP_VISIT = "shop_visit"
    AUDIT_FLAG = "audit_flag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """One kind of work.

    :param waiting: SQL of its items: ``subject_id`` and ``since``; each reads an index of what is open.
    :param level: how soon it is to be done; escalated when twice that has passed.
    :param verb: who holds this verb at the platform sees the items.
    """

    kind: WorkKind
    waiting: str
    level: timedelta
    verb: str


def _of(kind: WorkKind, waiting: str, verb: str, **level: float) -> Queue:
    return Queue(kind=kind, waiting=waiting, verb=verb, level=timedelta(**level))


_W = WorkKind
QUEUES = (
    _of(
        _W.INCIDENT,
        "SELECT incident_id, opened_at FROM incidents WHERE state <> 'closed'",
        "incident.write",
        minutes=10,
    ),
    _of(
        _W.CASE_RULING,
        "SELECT case_id, moved_at FROM after_sale_cases WHERE state = 'escalated'",
        "case.rule",
        hours=24,
    ),
    _of(
        _W.RATING_APPEAL,
        "SELECT rating_id, appealed_at FROM courier_ratings WHERE state = 'appealed'",
        "rating.decide",
        hours=48,
    ),
    _of(_W.SHOP_REVIEW, "SELECT shop_id, created_at FROM shops WHERE state = 'submitted'", "shop.review", hours=24),
    _of(
        _W.PAPER_REVIEW,
        "SELECT paper_id, submitted_at FROM papers WHERE state = 'submitted'",
        "paper.review",
        hours=24,
    ),
    _of(
        _W.LISTING_CLAIM,
        "SELECT claim_id, claimed_at FROM listing_claims WHERE state = 'submitted'",
        "listing.decide",
        hours=48,
    ),
    _of(
        _W.OFFER_REVIEW,
        """SELECT f.offer_id, s.created_at FROM offers AS f JOIN shops AS s ON s.shop_id = f.shop_id
           WHERE f.state = 'in_review'""",
        "offer.review",
        hours=24,
    ),
    _of(
        _W.MISMATCH,
        "SELECT item_id, found_at FROM recon_items WHERE state = 'open'",
        "reconciliation.decide",
        hours=24,
    ),
    _of(
        _W.DISPUTE,
        """SELECT dispute_id, opened_at FROM disputes WHERE state = 'needs_response' AND answer IS NULL
           UNION ALL SELECT dispute_id, ended_at FROM disputes WHERE open_fen > 0 AND state IN ('lost', 'closed')""",
        "reconciliation.decide",
        hours=24,
    ),
    _of(_W.PAYOUT, "SELECT payout_id, requested_at FROM payouts WHERE state = 'requested'", "payout.decide", hours=24),
    _of(
        _W.APPROVAL,
        "SELECT approval_id, requested_at FROM approvals WHERE state = 'open' AND expires_at > clock_timestamp()",
        "approval.decide",
        hours=24,
    ),
    _of(
        _W.CASH_DIFFERENCE,
        "SELECT transfer_id, ended_at FROM cash_transfers WHERE state = 'differing'",
        "cash.receive",
        hours=24,
    ),
    _of(
        _W.SHOP_VISIT,
        "SELECT shop_visit_id, visited_at FROM shop_visits WHERE state = 'in_review'",
        "shop_visit.close",
        hours=48,
    ),
    _of(
        _W.AUDIT_FLAG,
        "SELECT flag_id, found_at FROM audit_flags WHERE state = 'open'",
        "audit_flag.resolve",
        hours=24,
    ),
)
"""A new kind of work is a row here."""

WAITING = "\nUNION ALL\n".join(
    f"SELECT '{queue.kind}' AS kind, w.subject_id, w.since,"
    f" w.since + interval '{queue.level.total_seconds():.0f} seconds'"
    f" AS due_at, w.since + interval '{2 * queue.level.total_seconds():.0f} seconds' AS escalates_at"
    f" FROM ({queue.waiting}) AS w (subject_id, since)"
    for queue in QUEUES
)
"""SQL of everything that waits."""
