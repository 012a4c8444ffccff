"""A merchant's owner hands a paper in, or takes it back before it was looked at."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from app.core.catalog.errors import ShopNotFound
from app.core.papers.errors import PaperNotFound, PaperWaits
from app.core.papers.rules import PaperKind, read_last_day, read_number
from app.core.papers.states import PAPER_TRANSITIONS, PaperAction, PaperState
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.transaction import Claim, closing, opening, transaction

_MEMBER = """
    JOIN memberships AS m ON m.organization_id = s.merchant_id AND m.organization_kind = 'merchant'
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
"""
_LOCK_SHOP = opening(
    f"""
    SELECT s.shop_id, CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date) AS today, EXISTS (
        SELECT 1 FROM papers AS p WHERE p.shop_id = s.shop_id AND p.kind = :kind AND p.state = 'submitted'
    ) AS is_waiting
    FROM shops AS s {_MEMBER} WHERE s.shop_id = :shop_id FOR NO KEY UPDATE OF s
    """
)
_HAND_IN = closing(
    """
    handed_in AS (
        INSERT INTO papers (paper_id, shop_id, kind, number, expires_on, photo_reference, state, submitted_by_id,
            submitted_at)
        VALUES (:paper_id, :shop_id, :kind, :number, CAST(:expires_on AS date), :photo_reference, :state,
            :account_id, business_now())
        ON CONFLICT (shop_id, kind) WHERE state = 'submitted' DO NOTHING
        RETURNING paper_id
    )""",
    answer="SELECT paper_id FROM handed_in",
)
_LOCK_PAPER = opening(
    f"""
    SELECT p.paper_id, p.state FROM papers AS p JOIN shops AS s ON s.shop_id = p.shop_id {_MEMBER}
    WHERE p.paper_id = :paper_id FOR UPDATE OF p
    """
)
_WITHDRAW = closing("withdrawn AS (UPDATE papers SET state = :state WHERE paper_id = :paper_id)")


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperMoved:
    """Where a paper stands."""

    paper_id: UUID
    state: str


def hand_in_paper(
    actor: Actor,
    claim: Claim,
    *,
    shop_id: UUID,
    kind: PaperKind,
    number: str,
    expires_on: date | None,
    photo_reference: str,
) -> PaperMoved:
    """Hand a paper of a shop in for review; what is approved now stays good until this one is approved.

    :param expires_on: the last day on which it is good, in Shanghai; None runs without an end.
    :raises ShopNotFound: it is not the actor's. :raises PaperNumberInvalid, PaperDateInvalid: no paper is like this.
    :raises PaperWaits: one of the kind waits already.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_SHOP, {"shop_id": shop_id, "kind": kind.value, **actor.as_member})
        if row is None:
            raise ShopNotFound
        clean = read_number(kind, number)
        last_day = read_last_day(kind, expires_on, today=row.today)
        if row.is_waiting:
            raise PaperWaits
        moved = PaperMoved(paper_id=new_id(), state=PaperState.SUBMITTED.value)
        tx.keep(moved)
        made = tx.close(
            _HAND_IN,
            {
                "paper_id": moved.paper_id,
                "shop_id": shop_id,
                "kind": kind.value,
                "number": clean,
                "expires_on": last_day,
                "photo_reference": photo_reference,
                "state": moved.state,
                "account_id": actor.account_id,
            },
        )
        if made.first() is None:
            raise PaperWaits
    return moved


def withdraw_paper(actor: Actor, claim: Claim, *, paper_id: UUID) -> PaperMoved:
    """Take a paper back before it was looked at.

    :raises PaperNotFound: there is none of the actor's shops.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_PAPER, {"paper_id": paper_id, **actor.as_member})
        if row is None:
            raise PaperNotFound
        target = next_state(PAPER_TRANSITIONS, PaperState(row.state), PaperAction.WITHDRAW, actor.role)
        moved = PaperMoved(paper_id=paper_id, state=target.value)
        tx.keep(moved)
        tx.close(_WITHDRAW, {"paper_id": paper_id, "state": moved.state})
    return moved
