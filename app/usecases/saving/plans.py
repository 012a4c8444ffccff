"""Savings plans (定投): an amount into a fund every day, week or month; a time without enough money is missed."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import text

from app.core import ledger
from app.core.ledger import InsufficientFunds, JournalKind
from app.core.verification.levels import WEALTH_LEVEL_MIN, require_level
from app.core.wealth.dates import today, trade_dates
from app.core.wealth.errors import BelowFundMinimum, CalendarUnknown, FundNotFound, PlanDayPast, SavingsPlanNotFound
from app.core.wealth.standing import PlanState, Rhythm, next_time, require_active
from app.core.wealth.states import FundOrderKind, FundOrderSource, FundOrderState
from app.core.wealth.suitability import QUESTIONNAIRE_VERSION, require_suitable
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.transaction import Claim, closing, opening, transaction
from app.kernel.wire import Row
from app.usecases.paying.confirmed import EXPECT_GRANT_USED, GRANT_REFUSED, USE_GRANT, confirmed_by
from app.usecases.saving import journals
from app.usecases.saving.grants import JOIN_GRANT, asked_with
from app.usecases.saving.orders import PLACE, TRADING_DAYS, FundOrderMoved, placing
from app.usecases.saving.suitability import PROFILE, assessment_in, consents_in

_TO_MAKE = opening(
    f"""
    SELECT f.fund_id, f.risk_level, f.minimum_fen, a.verification_level, g.factor AS grant_factor,
        business_now() AS now, {PROFILE}
    FROM funds AS f JOIN accounts AS a ON a.account_id = :account_id
    {JOIN_GRANT}
    WHERE f.fund_id = :subject_id
    """
)
_MAKE = closing(
    f"""
    made AS (
        INSERT INTO savings_plans (plan_id, account_id, fund_id, amount_fen, rhythm, state, first_on, next_on)
        VALUES (:plan_id, :account_id, :fund_id, :amount_fen, :rhythm, :state, :first_on, :first_on)
    ), {USE_GRANT}""",
    expecting=EXPECT_GRANT_USED,
)
_LOCK = opening(
    """
    SELECT p.plan_id, p.fund_id, p.amount_fen, p.rhythm, p.state, p.next_on FROM savings_plans AS p
    WHERE p.plan_id = :plan_id AND p.account_id = :account_id FOR NO KEY UPDATE
    """
)
_STOP = closing("stopped AS (UPDATE savings_plans SET state = 'stopped' WHERE plan_id = :plan_id)")
_DUE = text(
    """
    SELECT plan_id FROM savings_plans
    WHERE state = 'active' AND next_on <= CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date)
    ORDER BY next_on LIMIT :limit
    """
)
_LOCK_DUE = text(
    f"""
    SELECT p.plan_id, p.account_id, p.fund_id, p.amount_fen, p.rhythm, p.first_on, p.next_on, business_now() AS now,
        {TRADING_DAYS}, a.verification_level >= :level_min AND a.state = 'active' AND EXISTS (
            SELECT 1 FROM risk_assessments AS s WHERE s.account_id = p.account_id
                AND s.questionnaire_version = :version AND s.level >= f.risk_level
                AND s.expires_on > CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date)) AS is_suited
    FROM savings_plans AS p JOIN accounts AS a ON a.account_id = p.account_id JOIN funds AS f ON f.fund_id = p.fund_id
    WHERE p.plan_id = :plan_id AND p.state = 'active'
        AND p.next_on <= CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date)
    FOR NO KEY UPDATE OF p SKIP LOCKED
    """
)
_BOUGHT = closing(
    f"""{PLACE}, moved_on AS (
        UPDATE savings_plans SET next_on = :next_on, bought_count = bought_count + 1 WHERE plan_id = :plan_id
    )"""
)
_MISSED = text("UPDATE savings_plans SET next_on = :next_on, missed_count = missed_count + 1 WHERE plan_id = :plan_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanMoved:
    """Where a plan stands."""

    plan_id: UUID
    fund_id: UUID
    amount_fen: int
    rhythm: str
    state: str
    next_on: date


def make_plan(
    actor: Actor,
    claim: Claim,
    *,
    fund_id: UUID,
    amount_fen: int,
    rhythm: Rhythm,
    first_on: date,
    step_up_grant: UUID | None,
) -> PlanMoved:
    """Save an amount regularly from ``first_on`` on; the payment PIN confirms it once for all times.

    :raises FundNotFound: there is none. :raises BelowFundMinimum, PlanDayPast: of amount and day.
    :raises VerificationNeeded, AssessmentNeeded, RiskMismatch, DocumentsUnread: it does not suit the person.
    :raises StepUpRequired, StepUpRefused: of the grant.
    """
    with transaction(claim) as tx:
        asked = asked_with(actor, step_up_grant, subject_id=fund_id, amount_fen=amount_fen)
        row = tx.open_one(_TO_MAKE, asked)
        if row is None:
            raise FundNotFound
        require_level(row.verification_level, WEALTH_LEVEL_MIN)
        day = today(row.now)
        require_suitable(assessment_in(row), today=day, product_level=row.risk_level, read=consents_in(row))
        if amount_fen < row.minimum_fen:
            raise BelowFundMinimum(pointer="/amount_fen", minimum_fen=row.minimum_fen)
        if first_on < day:
            raise PlanDayPast(pointer="/first_on")
        confirmed_by(row.grant_factor, step_up_grant, amount_fen=amount_fen)
        moved = PlanMoved(
            plan_id=new_id(),
            fund_id=fund_id,
            amount_fen=amount_fen,
            rhythm=rhythm.value,
            state=PlanState.ACTIVE.value,
            next_on=first_on,
        )
        tx.describe(subject_kind="plan", subject_id=moved.plan_id, details={"amount_fen": amount_fen})
        tx.keep(moved)
        params = {
            "plan_id": moved.plan_id,
            "account_id": actor.account_id,
            "fund_id": fund_id,
            "amount_fen": amount_fen,
            "rhythm": rhythm.value,
            "state": moved.state,
            "first_on": first_on,
            "grant_id": step_up_grant,
        }
        tx.close(_MAKE, params, unmet=GRANT_REFUSED)
    return moved


def stop_plan(actor: Actor, claim: Claim, *, plan_id: UUID) -> PlanMoved:
    """Stop a plan; orders that it has given stand.

    :raises SavingsPlanNotFound: there is none of the actor's. :raises SavingsPlanStopped: it is stopped.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK, {"plan_id": plan_id, "account_id": actor.account_id})
        if row is None:
            raise SavingsPlanNotFound
        require_active(row.state)
        moved = PlanMoved(
            plan_id=plan_id,
            fund_id=row.fund_id,
            amount_fen=row.amount_fen,
            rhythm=row.rhythm,
            state=PlanState.STOPPED.value,
            next_on=row.next_on,
        )
        tx.keep(moved)
        tx.close(_STOP, {"plan_id": plan_id})
    return moved


def run_due_plans(limit: int = 500) -> int:
    """Save for every plan whose day has come; return how many were looked at.

    Past the known trading days plans wait: what the worker does behind them goes on.
    """
    with transaction() as tx:
        due = [row.plan_id for row in tx.execute(_DUE, {"limit": limit})]
    for plan_id in due:
        try:
            _save(plan_id, is_missed=False)
        except InsufficientFunds:
            _save(plan_id, is_missed=True)
        except CalendarUnknown:
            return 0
    return len(due)


def _save(plan_id: UUID, *, is_missed: bool) -> None:
    with transaction() as tx:
        params = {"plan_id": plan_id, "version": QUESTIONNAIRE_VERSION, "level_min": int(WEALTH_LEVEL_MIN)}
        row = tx.execute(_LOCK_DUE, params).one_or_none()
        if row is None:
            return
        next_on = next_time(Rhythm(row.rhythm), row.first_on, today(row.now))
        if is_missed or not row.is_suited:
            tx.execute(_MISSED, {"plan_id": plan_id, "next_on": next_on})
            return
        moved = _order_of(row)
        ledger.post(
            tx,
            journals.order_journal(
                "fund-buy",
                moved.fund_order_id,
                JournalKind.FUND_SUBSCRIPTION,
                journals.bought(row.account_id, row.amount_fen),
            ),
        )
        tx.close(
            _BOUGHT,
            {**placing(row.account_id, moved, FundOrderSource.PLAN), "plan_id": plan_id, "next_on": next_on},
        )


def _order_of(row: Row) -> FundOrderMoved:
    dates = trade_dates(row.now, row.trading_days)
    return FundOrderMoved(
        fund_order_id=new_id(),
        fund_id=row.fund_id,
        kind=FundOrderKind.BUY.value,
        state=FundOrderState.ACCEPTED.value,
        amount_fen=row.amount_fen,
        trade_on=dates.trade_on,
        confirm_on=dates.confirm_on,
    )
