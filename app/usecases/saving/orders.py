"""Orders of a fund as a resident gives them: buy, redeem the normal way or at once, cancel before the cut-off.

Who redeems locks the holding, then the ledger's accounts. Income that was accrued and stands on ``fund_income`` is put
on the holder's account ahead of the order, in the same call of the ledger.
"""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import text

from app.core import ledger
from app.core.accounts.errors import SessionEnded
from app.core.ledger import JournalKind
from app.core.orders.repository import IN_STANDING
from app.core.verification.levels import WEALTH_LEVEL_MIN, require_level
from app.core.wealth.dates import DAY, DAYS_AHEAD, is_before_cut_off, today, trade_dates
from app.core.wealth.errors import (
    BelowFundMinimum,
    CalendarUnknown,
    FastRedemptionExceeded,
    FundNotFound,
    FundOrderNotFound,
    FundOrderPastCutOff,
    FundUnitsInsufficient,
)
from app.core.wealth.states import (
    FUND_ORDER_TRANSITIONS,
    FundOrderAction,
    FundOrderKind,
    FundOrderSource,
    FundOrderState,
)
from app.core.wealth.suitability import require_suitable
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.transaction import Claim, closing, opening, transaction
from app.kernel.wire import Row
from app.usecases.paying.confirmed import EXPECT_GRANT_USED, GRANT_REFUSED, USE_GRANT, confirmed_by
from app.usecases.saving import journals
from app.usecases.saving.grants import JOIN_GRANT, asked_with
from app.usecases.saving.suitability import PROFILE, assessment_in, consents_in

TRADING_DAYS = f"""
    ARRAY(SELECT t.day FROM trading_days AS t WHERE t.is_trading
        AND t.day >= CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date) ORDER BY t.day LIMIT {DAYS_AHEAD})
        AS trading_days
"""
"""The next trading days, from today on; what :func:`app.core.wealth.dates.trade_dates` reads."""

PLACE = """
placed AS (
    INSERT INTO fund_orders (fund_order_id, fund_id, account_id, kind, source, amount_fen, confirmed_fen, state,
        placed_at, trade_on, confirm_on, earns_from, units_fen)
    VALUES (:fund_order_id, :fund_id, :account_id, :kind, :source, :amount_fen, :confirmed_fen, :state,
        business_now(), :trade_on, :confirm_on, :earns_from, :units_fen)
)"""
TAKE_UNITS = """
taken AS (
    UPDATE fund_holdings SET units_fen = units_fen - :amount_fen, uncredited_fen = 0,
        fast_on = CASE WHEN CAST(:fast_fen AS bigint) > 0 THEN CAST(:today AS date) ELSE fast_on END,
        fast_used_fen = CASE WHEN CAST(:fast_fen AS bigint) = 0 THEN fast_used_fen
            WHEN fast_on = CAST(:today AS date) THEN fast_used_fen + CAST(:fast_fen AS bigint)
            ELSE CAST(:fast_fen AS bigint) END
    WHERE fund_id = :fund_id AND account_id = :account_id RETURNING 1
)"""

_TO_BUY = opening(
    f"""
    SELECT {IN_STANDING} AS is_in_standing, f.fund_id, f.minimum_fen, f.risk_level, a.verification_level,
        g.factor AS grant_factor, business_now() AS now, {PROFILE}, {TRADING_DAYS}
    FROM funds AS f JOIN accounts AS a ON a.account_id = :account_id
    {JOIN_GRANT}
    WHERE f.fund_id = :subject_id
    """
)
_BUY = closing(f"{PLACE}, {USE_GRANT}", expecting=EXPECT_GRANT_USED)
LOCK_HOLDING = f"""
    SELECT f.fund_id, f.fast_cap_fen, f.is_pay_capped, h.units_fen, h.uncredited_fen, h.fast_on, h.fast_used_fen,
        business_now() AS now, {TRADING_DAYS}
    FROM funds AS f JOIN fund_holdings AS h ON h.fund_id = f.fund_id AND h.account_id = :account_id
    WHERE f.fund_id = :fund_id FOR NO KEY UPDATE OF h
"""
"""The holding, locked, with what its fund allows."""
_TO_REDEEM = opening(LOCK_HOLDING)
_IS_FUND = text("SELECT 1 FROM funds WHERE fund_id = :fund_id")
_REDEEM = closing(f"{PLACE}, {TAKE_UNITS}", answer="SELECT count(*) FROM taken")
_LOCK_ORDER = opening(
    """
    SELECT o.fund_order_id, o.fund_id, o.kind, o.state, o.amount_fen, o.trade_on, o.confirm_on, business_now() AS now
    FROM fund_orders AS o WHERE o.fund_order_id = :fund_order_id AND o.account_id = :account_id FOR NO KEY UPDATE
    """
)
_LOCK_UNITS = text(
    "SELECT 1 FROM fund_holdings WHERE fund_id = :fund_id AND account_id = :account_id FOR NO KEY UPDATE"
)
_CANCEL = closing(
    """
    canceled AS (
        UPDATE fund_orders SET state = 'canceled', earns_from = NULL, units_fen = 0
        WHERE fund_order_id = :fund_order_id AND state = 'accepted' RETURNING 1
    ), returned AS (
        UPDATE fund_holdings SET units_fen = units_fen + CAST(:returned_fen AS bigint)
        WHERE fund_id = :fund_id AND account_id = :account_id AND CAST(:returned_fen AS bigint) > 0
    )""",
    answer="SELECT count(*) FROM canceled",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FundOrderMoved:
    """Where an order stands. What is bought earns from ``confirm_on``; what is redeemed is paid then, or is paid."""

    fund_order_id: UUID
    fund_id: UUID
    kind: str
    state: str
    amount_fen: int
    trade_on: date
    confirm_on: date


def buy_fund(
    actor: Actor, claim: Claim, *, fund_id: UUID, amount_fen: int, step_up_grant: UUID | None
) -> FundOrderMoved:
    """Buy units of a fund from the e-account (申购); confirmed on T+1.

    Money into one's own fund is no payment: it is not counted against the limits of payments from balances.

    :raises FundNotFound: there is none. :raises VerificationNeeded: below level III.
    :raises AssessmentNeeded, RiskMismatch, DocumentsUnread: it does not suit the person, or not yet.
    :raises BelowFundMinimum: less than the fund takes. :raises CalendarUnknown: past the known trading days.
    :raises StepUpRequired, StepUpRefused: of the grant. :raises app.core.ledger.InsufficientFunds: not so much money.
    """
    with transaction(claim) as tx:
        asked = asked_with(actor, step_up_grant, subject_id=fund_id, amount_fen=amount_fen)
        row = tx.open_one(_TO_BUY, asked)
        if row is None:
            raise FundNotFound
        if not row.is_in_standing:
            raise SessionEnded
        require_level(row.verification_level, WEALTH_LEVEL_MIN)
        require_suitable(assessment_in(row), today=today(row.now), product_level=row.risk_level, read=consents_in(row))
        if amount_fen < row.minimum_fen:
            raise BelowFundMinimum(pointer="/amount_fen", minimum_fen=row.minimum_fen)
        dates = trade_dates(row.now, row.trading_days)
        confirmed_by(row.grant_factor, step_up_grant, amount_fen=amount_fen)
        moved = FundOrderMoved(
            fund_order_id=new_id(),
            fund_id=fund_id,
            kind=FundOrderKind.BUY.value,
            state=FundOrderState.ACCEPTED.value,
            amount_fen=amount_fen,
            trade_on=dates.trade_on,
            confirm_on=dates.confirm_on,
        )
        journal = journals.order_journal(
            "fund-buy",
            moved.fund_order_id,
            JournalKind.FUND_SUBSCRIPTION,
            journals.bought(actor.account_id, amount_fen),
        )
        ledger.post_along(tx, [journal])
        tx.describe(subject_kind="fund_order", subject_id=moved.fund_order_id, details={"amount_fen": amount_fen})
        tx.keep(moved)
        placed = placing(actor.account_id, moved, FundOrderSource.PERSON)
        tx.close(_BUY, {**placed, "grant_id": step_up_grant}, unmet=GRANT_REFUSED)
    return moved


def placing(account_id: UUID, moved: FundOrderMoved, source: FundOrderSource) -> dict[str, object]:
    """Return what :data:`PLACE` takes: orders to redeem stop earning, the normal way after T, at once today."""
    is_buy = moved.kind == FundOrderKind.BUY
    is_done = moved.state == FundOrderState.CONFIRMED
    return {
        "fund_order_id": moved.fund_order_id,
        "fund_id": moved.fund_id,
        "account_id": account_id,
        "kind": moved.kind,
        "source": source.value,
        "amount_fen": moved.amount_fen,
        "confirmed_fen": moved.amount_fen if is_done else None,
        "state": moved.state,
        "trade_on": moved.trade_on,
        "confirm_on": moved.confirm_on,
        "earns_from": None if is_buy else moved.trade_on if is_done else moved.trade_on + DAY,
        "units_fen": 0 if is_buy else -moved.amount_fen,
    }


def fast_left_fen(row: Row) -> int:
    """Return what is left of today's cap of fast redemptions, fen."""
    used = row.fast_used_fen if row.fast_on == today(row.now) else 0
    return max(0, int(row.fast_cap_fen - used))


def at_once(row: Row, amount_fen: int, kind: FundOrderKind) -> FundOrderMoved:
    """Return the order that redeems at once, out of a locked holding.

    :raises FundUnitsInsufficient: not so much is held. :raises FastRedemptionExceeded: not so much is left today.
    :raises CalendarUnknown: past the known trading days.
    """
    if amount_fen > row.units_fen:
        raise FundUnitsInsufficient(available_fen=row.units_fen)
    is_capped = kind is FundOrderKind.FAST or row.is_pay_capped
    if is_capped and amount_fen > fast_left_fen(row):
        raise FastRedemptionExceeded(cap_fen=row.fast_cap_fen, left_fen=fast_left_fen(row))
    day = today(row.now)
    after = [one for one in row.trading_days if one > day]
    if not after:
        raise CalendarUnknown
    return FundOrderMoved(
        fund_order_id=new_id(),
        fund_id=row.fund_id,
        kind=kind.value,
        state=FundOrderState.CONFIRMED.value,
        amount_fen=amount_fen,
        trade_on=day,
        confirm_on=after[0],
    )


def taking(row: Row, moved: FundOrderMoved) -> dict[str, object]:
    """Return what :data:`TAKE_UNITS` takes, beside what :func:`placing` gives."""
    is_counted = moved.kind == FundOrderKind.FAST or (moved.kind == FundOrderKind.PAY and row.is_pay_capped)
    return {"fast_fen": moved.amount_fen if is_counted else 0, "today": today(row.now)}


def redeem_fund(actor: Actor, claim: Claim, *, fund_id: UUID, amount_fen: int, is_fast: bool) -> FundOrderMoved:
    """Redeem units to the e-account (赎回): paid on T+1 the normal way, at once and capped the fast way.

    :raises FundNotFound: there is none. :raises FundUnitsInsufficient: not so much is held.
    :raises FastRedemptionExceeded: not so much is left of today's cap. :raises CalendarUnknown: past the known days.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_TO_REDEEM, {"account_id": actor.account_id, "fund_id": fund_id})
        if row is None:
            if tx.execute(_IS_FUND, {"fund_id": fund_id}).first() is None:
                raise FundNotFound
            raise FundUnitsInsufficient(available_fen=0)
        moved = at_once(row, amount_fen, FundOrderKind.FAST) if is_fast else _normal(row, amount_fen)
        moves = journals.redeemed_at_once if is_fast else journals.asked_back
        journal = journals.order_journal(
            "fund-redeem", moved.fund_order_id, JournalKind.FUND_REDEMPTION, moves(actor.account_id, amount_fen)
        )
        ahead = journals.credit(moved.fund_order_id, actor.account_id, row.uncredited_fen)
        ledger.post_many(tx, [*ahead, journal])
        tx.describe(subject_kind="fund_order", subject_id=moved.fund_order_id, details={"amount_fen": amount_fen})
        tx.keep(moved)
        done = tx.close(_REDEEM, {**placing(actor.account_id, moved, FundOrderSource.PERSON), **taking(row, moved)})
        assert done.scalar_one() == 1, "taken under lock"
    return moved


def _normal(row: Row, amount_fen: int) -> FundOrderMoved:
    if amount_fen > row.units_fen:
        raise FundUnitsInsufficient(available_fen=row.units_fen)
    dates = trade_dates(row.now, row.trading_days)
    return FundOrderMoved(
        fund_order_id=new_id(),
        fund_id=row.fund_id,
        kind=FundOrderKind.REDEEM.value,
        state=FundOrderState.ACCEPTED.value,
        amount_fen=amount_fen,
        trade_on=dates.trade_on,
        confirm_on=dates.confirm_on,
    )


def cancel_fund_order(actor: Actor, claim: Claim, *, fund_order_id: UUID) -> FundOrderMoved:
    """Cancel an order before its cut-off; what it moved goes back.

    :raises FundOrderNotFound: there is none of the actor's. :raises FundOrderPastCutOff: it is the fund's now.
    :raises app.kernel.machines.IllegalTransition: it is canceled, or was done at once.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_ORDER, {"fund_order_id": fund_order_id, "account_id": actor.account_id})
        if row is None:
            raise FundOrderNotFound
        state = next_state(FUND_ORDER_TRANSITIONS, FundOrderState(row.state), FundOrderAction.CANCEL, actor.role)
        if not is_before_cut_off(row.now, row.trade_on):
            raise FundOrderPastCutOff
        is_buy = row.kind == FundOrderKind.BUY
        if not is_buy:
            tx.execute(_LOCK_UNITS, {"fund_id": row.fund_id, "account_id": actor.account_id})
        moves = journals.bought if is_buy else journals.asked_back
        kind = JournalKind.FUND_SUBSCRIPTION if is_buy else JournalKind.FUND_REDEMPTION
        ledger.post(
            tx, journals.order_journal("fund-cancel", fund_order_id, kind, moves(actor.account_id, -row.amount_fen))
        )
        moved = FundOrderMoved(
            fund_order_id=fund_order_id,
            fund_id=row.fund_id,
            kind=row.kind,
            state=state.value,
            amount_fen=row.amount_fen,
            trade_on=row.trade_on,
            confirm_on=row.confirm_on,
        )
        tx.keep(moved)
        params = {
            "fund_order_id": fund_order_id,
            "fund_id": row.fund_id,
            "account_id": actor.account_id,
            "returned_fen": 0 if is_buy else row.amount_fen,
        }
        assert tx.close(_CANCEL, params).scalar_one() == 1, "canceled under lock"
    return moved
