"""Flows of funds and term products."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from app.core.orders.states import OrderState
from app.core.wealth.standing import Rhythm
from app.kernel.batching import ALONE
from app.kernel.clock import SHANGHAI
from app.usecases.saving import term_crowd
from app.usecases.saving.accrue import accrue_day, correct_day, keep_incomes
from app.usecases.saving.company import import_confirmations, send_orders
from app.usecases.saving.orders import buy_fund, cancel_fund_order, redeem_fund
from app.usecases.saving.pay_from_fund import pay_checkout_from_fund
from app.usecases.saving.plans import make_plan, run_due_plans
from app.usecases.saving.sweeps import set_sweep_rule, sweep_fund
from app.usecases.saving.term_end import exit_early, mature_due
from app.usecases.saving.term_sale import confirm_subscription, subscribe_to_term
from app.usecases.saving.term_waiting import wait_for_term
from app.usecases.saving.yields import import_yields
from app.worker.fund import look_after_funds
from tests.factories import Person, a_claim, a_grant, a_resident, an_order
from tests.factories.rows import look_one
from tests.factories.wealth import (
    a_fund,
    a_saver,
    a_subscription,
    a_term_product,
    a_wealth_grant,
    hold,
    suit,
)
from tests.support.fund_days import FundDays

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from tests.crash_points.paying import Act
    from tests.crash_points.stage import Stage

THURSDAY = date(2026, 3, 5)
OPENING = datetime(2026, 3, 26, tzinfo=SHANGHAI)


def a_purchase(stage: Stage) -> Act:
    days, saver = FundDays(stage.clock, THURSDAY), a_saver()
    claim, grant = a_claim(saver), a_wealth_grant(saver, days.fund.fund_id)
    asked = {"fund_id": days.fund.fund_id, "amount_fen": 5_000, "step_up_grant": grant}
    return lambda: stage.once(buy_fund, saver.actor, claim, **asked)


def a_purchase_that_is_canceled(stage: Stage) -> Act:
    days, saver = FundDays(stage.clock, THURSDAY), a_saver()
    order_id = _bought(saver, days, 5_000)
    claim = a_claim(saver)
    return lambda: stage.once(cancel_fund_order, saver.actor, claim, fund_order_id=order_id)


def _bought(saver: Person, days: FundDays, amount_fen: int) -> UUID:
    grant = a_wealth_grant(saver, days.fund.fund_id)
    asked = {"fund_id": days.fund.fund_id, "amount_fen": amount_fen, "step_up_grant": grant}
    return buy_fund(saver.actor, a_claim(saver), **asked).fund_order_id  # type: ignore[arg-type]


def a_fast_redemption(stage: Stage) -> Act:
    FundDays(stage.clock, THURSDAY)
    saver, fund = a_saver(balance_fen=0), a_fund()
    hold(saver, fund, 50_000)
    claim = a_claim(saver)
    asked = {"fund_id": fund.fund_id, "amount_fen": 10_000, "is_fast": True}
    return lambda: stage.once(redeem_fund, saver.actor, claim, **asked)


def a_day_of_a_fund(stage: Stage) -> Act:
    """Income, confirmations and what the company pays back, for a purchase and a fast redemption."""
    days, saver = FundDays(stage.clock, THURSDAY), a_saver()
    holder = a_saver(balance_fen=0)
    hold(holder, days.fund, 1_000_000)
    days.company.units[str(holder.account_id)] = 1_000_000
    _bought(saver, days, 500_000)
    asked = {"fund_id": days.fund.fund_id, "amount_fen": 10_000, "is_fast": True}
    redeem_fund(holder.actor, a_claim(holder), **asked)  # type: ignore[arg-type]
    fund_id = days.fund.fund_id
    days.today = THURSDAY + timedelta(days=1)
    days.at(3)
    files = days.company.close_day(THURSDAY, send_orders(fund_id, THURSDAY), Fraction("1.1173"))
    import_yields(fund_id, files.income)

    def act() -> None:
        if _accrued_through(fund_id) < THURSDAY:
            accrue_day(fund_id)
        keep_incomes(fund_id)
        import_confirmations(fund_id, THURSDAY, files.confirmations)

    return act


def a_file_of_orders(stage: Stage) -> Act:
    """What the fund company is asked for on a day that is over."""
    days, saver = FundDays(stage.clock, THURSDAY), a_saver()
    _bought(saver, days, 500_000)
    days.today = THURSDAY + timedelta(days=1)
    days.at(3)
    folder = stage.folder / str(days.fund.fund_id)
    return lambda: look_after_funds(folder, code=days.fund.code)


def _accrued_through(fund_id: UUID) -> date:
    found: date = look_one("SELECT accrued_through FROM funds WHERE fund_id = :id", id=fund_id)
    return found


def an_income_that_is_restated(stage: Stage) -> Act:
    days, saver = FundDays(stage.clock, THURSDAY), a_saver(balance_fen=1_000_000)
    _bought(saver, days, 1_000_000)
    for _ in range(3):
        days.next_day(Fraction("1.0000"))
    import_yields(days.fund.fund_id, days.company.restate(date(2026, 3, 6), Fraction("1.2000")))
    return lambda: correct_day(days.fund.fund_id, date(2026, 3, 6))


def a_savings_plan(stage: Stage) -> Act:
    days, saver = FundDays(stage.clock, THURSDAY), a_saver()
    make_plan(
        saver.actor,
        a_claim(saver),
        fund_id=days.fund.fund_id,
        amount_fen=1_000,
        rhythm=Rhythm.MONTH,
        first_on=THURSDAY,
        step_up_grant=a_wealth_grant(saver, days.fund.fund_id),
    )
    return run_due_plans


def a_sweep(stage: Stage) -> Act:
    days, saver = FundDays(stage.clock, THURSDAY), a_saver(balance_fen=80_000)
    set_sweep_rule(
        saver.actor,
        a_claim(saver),
        fund_id=days.fund.fund_id,
        keep_fen=10_000,
        is_pull_back=True,
        step_up_grant=a_wealth_grant(saver, days.fund.fund_id),
    )
    days.today = THURSDAY + timedelta(days=1)
    days.at(10)
    return lambda: sweep_fund(days.fund.fund_id)


def a_payment_from_the_fund(stage: Stage) -> Act:
    fund, resident = a_fund(), a_resident()
    order = an_order(state=OrderState.AWAITING_PAYMENT, resident=resident)
    suit(resident)
    hold(resident, fund, 1_000_000)
    claim, grant = a_claim(resident), a_grant(resident, order.checkout_id)
    asked = {"checkout_id": order.checkout_id, "fund_id": fund.fund_id, "step_up_grant": grant}
    return lambda: stage.once(pay_checkout_from_fund, resident.actor, claim, **asked)


def a_term_subscription(stage: Stage) -> Act:
    stage.clock.at(OPENING)
    saver, product_id = a_saver(), a_term_product(OPENING)
    claim, grant = a_claim(saver), a_wealth_grant(saver, product_id)
    asked = {"product_id": product_id, "amount_fen": 300_000, "step_up_grant": grant}
    return lambda: stage.once(subscribe_to_term, saver.actor, claim, **asked)


def a_term_subscription_that_is_confirmed_at_once(stage: Stage) -> Act:
    stage.clock.at(OPENING)
    saver, product_id = a_saver(), a_term_product(OPENING)
    claim, grant = a_claim(saver), a_wealth_grant(saver, product_id)
    asked = {"product_id": product_id, "amount_fen": 300_000, "step_up_grant": grant, "is_confirmed": True}
    return lambda: stage.once(subscribe_to_term, saver.actor, claim, **asked)


def _buyers(*, is_confirmed: bool) -> list[term_crowd.Subscribing]:
    product_id = a_term_product(OPENING)
    return [
        term_crowd.Subscribing(
            actor=saver.actor,
            claim=a_claim(saver),
            product_id=product_id,
            amount_fen=300_000,
            step_up_grant=a_wealth_grant(saver, product_id),
            is_confirmed=is_confirmed,
        )
        for saver in (a_saver(), a_saver())
    ]


def _together(stage: Stage, do: Callable[[Any], Any], alone: Callable[[Any], Any], asks: Sequence[Any]) -> None:
    """Do a batch as the batcher does: what it leaves alone is done by itself."""
    for ask, outcome in zip(asks, do(asks), strict=True):
        if outcome is ALONE:
            stage.once(alone, ask)


def a_sale_to_a_crowd(stage: Stage) -> Act:
    stage.clock.at(OPENING)
    asks = _buyers(is_confirmed=False)
    return lambda: _together(stage, term_crowd.subscribe_all, term_crowd.subscribe_alone, asks)


def a_sale_to_a_crowd_that_confirms_at_once(stage: Stage) -> Act:
    stage.clock.at(OPENING)
    asks = _buyers(is_confirmed=True)
    return lambda: _together(stage, term_crowd.subscribe_all, term_crowd.subscribe_alone, asks)


def a_crowds_confirmations(stage: Stage) -> Act:
    stage.clock.at(OPENING)
    product_id = a_term_product(OPENING)
    asks = [
        term_crowd.Confirming(
            actor=saver.actor, claim=a_claim(saver), subscription_id=a_subscription(saver, product_id)
        )
        for saver in (a_saver(), a_saver())
    ]
    return lambda: _together(stage, term_crowd.confirm_all, term_crowd.confirm_alone, asks)


def a_term_confirmation(stage: Stage) -> Act:
    stage.clock.at(OPENING)
    saver = a_saver()
    subscription_id, claim = a_subscription(saver, a_term_product(OPENING)), a_claim(saver)
    return lambda: stage.once(confirm_subscription, saver.actor, claim, subscription_id=subscription_id)


def a_term_hold_that_runs_out_and_is_offered_to_who_waits(stage: Stage) -> Act:
    stage.clock.at(OPENING)
    product_id = a_term_product(OPENING, quota_fen=300_000)
    slow, waiting = a_saver(), a_saver()
    asked = {"product_id": product_id, "amount_fen": 300_000, "step_up_grant": a_wealth_grant(slow, product_id)}
    subscribe_to_term(slow.actor, a_claim(slow), **asked)  # type: ignore[arg-type]
    wait_for_term(waiting.actor, a_claim(waiting), product_id=product_id, amount_fen=100_000)

    def act() -> None:
        for minutes in (10, 11):
            stage.clock.at(OPENING + timedelta(minutes=minutes))
            stage.work()

    return act


def a_term_that_ends(stage: Stage) -> Act:
    ends = datetime(2026, 5, 6, 1, tzinfo=SHANGHAI)
    stage.clock.at(ends)
    mature_due()  # what other flows have left
    stage.clock.at(OPENING)
    saver = a_saver()
    a_subscription(saver, a_term_product(OPENING), state="confirmed")
    stage.clock.at(ends)
    return mature_due


def a_term_that_is_left_early(stage: Stage) -> Act:
    stage.clock.at(OPENING)
    saver = a_saver()
    product_id = a_term_product(OPENING, is_early_exit=True, early_rate_bp=35)
    subscription_id, claim = a_subscription(saver, product_id, state="confirmed"), a_claim(saver)
    stage.clock.at(datetime(2026, 4, 6, 10, tzinfo=SHANGHAI))
    return lambda: stage.once(exit_early, saver.actor, claim, subscription_id=subscription_id)


FLOWS = (
    a_purchase,
    a_purchase_that_is_canceled,
    a_fast_redemption,
    a_day_of_a_fund,
    a_file_of_orders,
    an_income_that_is_restated,
    a_savings_plan,
    a_sweep,
    a_payment_from_the_fund,
    a_term_subscription,
    a_term_subscription_that_is_confirmed_at_once,
    a_sale_to_a_crowd,
    a_sale_to_a_crowd_that_confirms_at_once,
    a_crowds_confirmations,
    a_term_confirmation,
    a_term_hold_that_runs_out_and_is_offered_to_who_waits,
    a_term_that_ends,
    a_term_that_is_left_early,
)
