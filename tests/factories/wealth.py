"""Funds, and people who may buy them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from app.core import ledger
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.stepup.models import GrantPurpose
from app.core.wealth.models import (
    DocumentConsentRow,
    FundHoldingRow,
    FundOrderRow,
    FundRow,
    RiskAcceptanceRow,
    RiskAssessmentRow,
)
from app.core.wealth.standing import SavingsPlanRow
from app.core.wealth.suitability import DOCUMENTS, QUESTIONNAIRE_VERSION, TERM_DOCUMENTS
from app.core.wealth.term_models import TermPositionRow, TermSubscriptionRow
from app.kernel.clock import business_now, wall_now
from app.kernel.ids import new_id
from app.kernel.transaction import transaction
from app.usecases.saving.term_end import TermTerms, launch_term
from app.usecases.saving.term_sale import hold_key
from tests.factories.people import Person, a_grant, a_resident, give
from tests.factories.rows import write

if TYPE_CHECKING:
    from uuid import UUID

LONG_AGO = date(2025, 1, 1)


@dataclass(frozen=True)
class Fund:
    """A fund of its own, that nobody else's test buys."""

    fund_id: UUID
    code: str


def a_fund(*, accrued_through: date = LONG_AGO, **values: object) -> Fund:
    fund = Fund(new_id(), f"fund-{secrets.token_hex(6)}")
    terms = {"risk_level": 1, "minimum_fen": 100, "fast_cap_fen": 1_000_000, **values}
    write(
        FundRow,
        fund_id=fund.fund_id,
        code=fund.code,
        name_zh="凤凰宝",
        name_en="Phoenix",
        accrued_through=accrued_through,
        **terms,
    )
    return fund


def a_saver(*, balance_fen: int = 10_000_000, level: int = 3) -> Person:
    """Return a resident of level III who answered the questionnaire and agreed to all documents."""
    saver = a_resident(balance_fen=balance_fen)
    suit(saver, level=level)
    return saver


def an_assessment(person: Person, *, level: int = 3) -> UUID:
    assessment_id = new_id()
    write(
        RiskAssessmentRow,
        assessment_id=assessment_id,
        account_id=person.account_id,
        questionnaire_version=QUESTIONNAIRE_VERSION,
        score=20,
        level=level,
        taken_at=wall_now(),
        expires_on=date(2100, 1, 1),
    )
    return assessment_id


def suit(person: Person, *, level: int = 3) -> None:
    an_assessment(person, level=level)
    for document in (*DOCUMENTS, *TERM_DOCUMENTS):
        write(
            DocumentConsentRow,
            account_id=person.account_id,
            kind=document.kind,
            version=document.version,
            consented_at=wall_now(),
        )


def a_wealth_grant(person: Person, subject_id: UUID) -> UUID:
    return a_grant(person, subject_id, purpose=GrantPurpose.BUY_WEALTH.value)


def hold(person: Person, fund: Fund, units_fen: int) -> None:
    """Let ``person`` hold units that are credited in the books, as a confirmed purchase leaves them."""
    with transaction() as tx:
        legs = (Leg(codes.fund_holding(person.account_id), units_fen), Leg(codes.FUND_OMNIBUS, -units_fen))
        ledger.post(tx, Journal(key=f"hold:{new_id()}", kind=JournalKind.OPENING, legs=legs))
    write(
        FundHoldingRow,
        account_id=person.account_id,
        fund_id=fund.fund_id,
        units_fen=units_fen,
        earning_fen=units_fen,
    )


def a_fund_order(person: Person, fund: Fund | None = None) -> UUID:
    """Return the id of an order that was accepted and can still be canceled."""
    fund = fund or a_fund()
    order_id = new_id()
    today = wall_now().date()
    with transaction() as tx:
        legs = (Leg(codes.fund_pending_in(person.account_id), 5_000), Leg(codes.BANK_SETTLEMENT, -5_000))
        ledger.post(tx, Journal(key=f"order:{order_id}", kind=JournalKind.OPENING, legs=legs))
    write(
        FundOrderRow,
        fund_order_id=order_id,
        fund_id=fund.fund_id,
        account_id=person.account_id,
        kind="buy",
        source="person",
        amount_fen=5_000,
        state="accepted",
        placed_at=wall_now(),
        trade_on=today + timedelta(days=2),
        confirm_on=today + timedelta(days=3),
    )
    return order_id


def a_plan(person: Person) -> UUID:
    """Return the id of a plan that saves ten yuan every month, first in a long time."""
    plan_id = new_id()
    write(
        SavingsPlanRow,
        plan_id=plan_id,
        account_id=person.account_id,
        fund_id=a_fund().fund_id,
        amount_fen=1_000,
        rhythm="month",
        state="active",
        first_on=date(2100, 1, 1),
        next_on=date(2100, 1, 1),
    )
    return plan_id


def a_term_product(opens_at: datetime, **values: object) -> UUID:
    """Return the id of a product that opens then, of 100,000,000 yuan at 3.2 percent, for five weeks of 2026."""
    terms: dict[str, object] = {
        "name_zh": "紫金理财",
        "name_en": "Purple Gold",
        "quota_fen": 10_000_000_000,
        "opens_at": opens_at,
        "closes_at": opens_at + timedelta(days=30),
        "value_on": date(2026, 3, 27),
        "matures_on": date(2026, 5, 1),
        "rate_bp": 320,
        **values,
    }
    return launch_term(TermTerms(**terms))  # type: ignore[arg-type]


def a_subscription(person: Person, product_id: UUID | None = None, *, state: str = "held") -> UUID:
    """Return the id of a subscription of a thousand yuan; the money is given along."""
    product_id = product_id or a_term_product(wall_now())
    subscription_id, amount_fen = new_id(), 100_000
    with transaction() as tx:
        now = business_now(tx)
    give(person.account_id, amount_fen)
    with transaction() as tx:
        if state == "held":
            account, ttl = codes.e_account(person.account_id), timedelta(days=1)
            ledger.place_hold(tx, key=hold_key(subscription_id), account=account, amount_fen=amount_fen, ttl=ttl)
        else:
            legs = (
                Leg(codes.e_account(person.account_id), -amount_fen),
                Leg(codes.term_holding(person.account_id), amount_fen),
            )
            ledger.post(tx, Journal(key=f"term:{subscription_id}", kind=JournalKind.OPENING, legs=legs))
    write(TermPositionRow, account_id=person.account_id, product_id=product_id, amount_fen=amount_fen)
    write(
        TermSubscriptionRow,
        subscription_id=subscription_id,
        product_id=product_id,
        account_id=person.account_id,
        amount_fen=amount_fen,
        state=state,
        held_at=now,
        confirm_by=now + timedelta(minutes=10),
        confirmed_at=now if state == "confirmed" else None,
    )
    return subscription_id


def an_acceptance(person: Person, *, risk_level: int = 5, **values: object) -> UUID:
    """Return the id of a wish for more risk whose cooling time is over."""
    acceptance_id = new_id()
    now = wall_now()
    made = {"ready_at": now - timedelta(minutes=1), "expires_at": now + timedelta(days=29), **values}
    write(
        RiskAcceptanceRow,
        acceptance_id=acceptance_id,
        account_id=person.account_id,
        assessment_id=an_assessment(person),
        risk_level=risk_level,
        asked_at=now - timedelta(days=1),
        **made,
    )
    return acceptance_id
