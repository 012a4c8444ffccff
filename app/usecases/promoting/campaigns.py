"""Start and stop campaigns (平台活动). A small budget takes one person, a larger one two, stopping always one."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from uuid import UUID

from sqlalchemy import text

from app.core.accounts.errors import NotPermitted
from app.core.communities.errors import CommunityNotFound
from app.core.promotions.errors import CampaignNeedsTwo, CampaignNotFound, CampaignStopped
from app.core.promotions.rules import BUDGET_ALONE_FEN_MAX, CODE_CONTEXT, CODE_DIGITS, CampaignTerms, refuse_unsound
from app.core.promotions.states import CampaignState
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.sealing import derived_code, keyed_digest
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction

_OPEN = opening(
    """
    SELECT business_now() AS now, CAST(:community_id AS uuid) IS NULL OR EXISTS (
        SELECT 1 FROM communities AS c WHERE c.community_id = CAST(:community_id AS uuid)
          AND c.merged_into_id IS NULL) AS is_community
    FROM memberships AS m
    WHERE m.organization_kind = 'platform' AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
    FOR SHARE OF m
    """
)
_START = text(
    """
    INSERT INTO campaigns (campaign_id, name_zh, name_en, state, benefit, minimum_fen, off_fen, percent_bp, verticals,
        community_id, starts_at, ends_at, budget_fen, left_fen, issued_max, per_person_max, valid_days, code_digest,
        made_at)
    VALUES (:campaign_id, :name_zh, :name_en, 'live', :benefit, :minimum_fen, :off_fen, CAST(:percent_bp AS bigint),
        CAST(:verticals AS text[]), CAST(:community_id AS uuid), :starts_at, :ends_at, :budget_fen, :budget_fen,
        :issued_max, :per_person_max, :valid_days, CAST(:code_digest AS bytea), business_now())
    """
)
_LOCK = opening("SELECT g.campaign_id, g.state FROM campaigns AS g WHERE g.campaign_id = :campaign_id FOR UPDATE OF g")
_STOP = closing(
    """
    stopped AS (
        UPDATE campaigns SET state = 'stopped', stopped_at = business_now()
        WHERE campaign_id = :campaign_id AND state = 'live'
    )"""
)
_NOTHING = closing()


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignMoved:
    """Where a campaign stands."""

    campaign_id: UUID
    state: str


def start_campaign(actor: Actor, claim: Claim, *, why: str, terms: CampaignTerms) -> CampaignMoved:
    """Start a campaign whose budget one person may spend.

    :raises CampaignNeedsTwo: its budget is larger. :raises CampaignTermsInvalid: its terms contradict each other.
    :raises CommunityNotFound: it is for a community that there is not.
    """
    if terms.budget_fen > BUDGET_ALONE_FEN_MAX:
        raise CampaignNeedsTwo(pointer="/budget_fen", budget_fen_max=BUDGET_ALONE_FEN_MAX)
    with transaction(claim) as tx:
        row = tx.open_one(_OPEN, {**actor.as_member, "community_id": terms.community_id})
        if row is None:
            raise NotPermitted
        if not row.is_community:
            raise CommunityNotFound(pointer="/community_id")
        refuse_unsound(terms, row.now)
        moved = CampaignMoved(campaign_id=new_id(), state=CampaignState.LIVE.value)
        tx.describe(why=why, details={**told(terms), "campaign_id": str(moved.campaign_id)})
        tx.keep(moved)
        put_live(tx, moved.campaign_id, terms)
        tx.close(_NOTHING, {})
    return moved


def put_live(tx: Transaction, campaign_id: UUID, terms: CampaignTerms) -> None:
    """Let a campaign begin at its instant."""
    values = {name: value for name, value in asdict(terms).items() if name != "has_code"}
    digest = keyed_digest(campaign_code(campaign_id), context=CODE_CONTEXT) if terms.has_code else None
    written = {**values, "campaign_id": campaign_id, "verticals": list(terms.verticals), "code_digest": digest}
    tx.execute(_START, written)


def stop_campaign(actor: Actor, claim: Claim, *, campaign_id: UUID, why: str) -> CampaignMoved:
    """Stop a campaign at once and for good; orders that were placed by it keep their price.

    :raises CampaignNotFound: there is none. :raises CampaignStopped: it was stopped before.
    """
    assert actor.account_id == claim.principal_id, "who asks is who claims"
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK, {"campaign_id": campaign_id})
        if row is None:
            raise CampaignNotFound
        if row.state != CampaignState.LIVE:
            raise CampaignStopped
        moved = CampaignMoved(campaign_id=campaign_id, state=CampaignState.STOPPED.value)
        tx.describe(why=why, details={"campaign_id": str(campaign_id)})
        tx.keep(moved)
        tx.close(_STOP, {"campaign_id": campaign_id})
    return moved


def campaign_code(campaign_id: UUID) -> str:
    """Return the code by which coupons of a campaign are claimed that has one."""
    return derived_code(str(campaign_id), purpose="campaign", digits=CODE_DIGITS)


def told(terms: CampaignTerms) -> Mapping[str, object]:
    """Return what the audit log tells of a campaign."""
    return {name: value if isinstance(value, int | bool) else str(value) for name, value in asdict(terms).items()}
