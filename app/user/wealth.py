"""Routes of wealth: the risk questionnaire, documents, funds, their orders and their income."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.figures.errors import SpanInvalid
from app.core.wealth.errors import FundNotFound
from app.core.wealth.states import FundOrderKind, FundOrderSource, FundOrderState
from app.core.wealth.suitability import DOCUMENTS, QUESTIONNAIRE_VERSION, QUESTIONS
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read
from app.usecases.saving import suitability
from app.usecases.saving.acceptances import Acceptance, ask_acceptance, confirm_acceptance
from app.usecases.saving.orders import FundOrderMoved, buy_fund, cancel_fund_order, redeem_fund
from app.web.door import Door
from app.web.fields import Body, Choice, Day, Fen, Flag, Id, Instant, Int, Many, Query, Text
from app.web.paging import PageQuery, page, read_cursor
from app.web.policy import Relation, policy

INCOME_DAYS_MAX = 400
_FUNDS = text(
    """
    SELECT f.fund_id, f.code, f.name_zh, f.name_en, f.risk_level, f.minimum_fen, f.fast_cap_fen, f.accrued_through,
        y.ten_thousand_e4, y.seven_day_e3, coalesce(h.units_fen, 0) AS units_fen,
        coalesce(h.last_income_fen, 0) AS last_income_fen, coalesce(h.income_fen, 0) AS income_fen,
        greatest(0, f.fast_cap_fen - CASE
            WHEN h.fast_on = CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date) THEN h.fast_used_fen ELSE 0
            END) AS fast_left_fen,
        (SELECT coalesce(sum(o.amount_fen), 0) FROM fund_orders AS o WHERE o.account_id = :account_id
            AND o.fund_id = f.fund_id AND o.kind = 'buy' AND o.state IN ('accepted', 'sent')) AS pending_in_fen,
        (SELECT coalesce(sum(o.amount_fen), 0) FROM fund_orders AS o WHERE o.account_id = :account_id
            AND o.fund_id = f.fund_id AND o.kind = 'redeem' AND o.state IN ('accepted', 'sent')) AS pending_out_fen
    FROM funds AS f
    LEFT JOIN fund_holdings AS h ON h.fund_id = f.fund_id AND h.account_id = :account_id
    LEFT JOIN LATERAL (SELECT ten_thousand_e4, seven_day_e3 FROM fund_yields AS p WHERE p.fund_id = f.fund_id
        ORDER BY day DESC, version DESC LIMIT 1) AS y ON true
    WHERE f.fund_id = coalesce(CAST(:fund_id AS uuid), f.fund_id) ORDER BY f.fund_id DESC LIMIT 100
    """
)
_ORDERS = text(
    """
    SELECT fund_order_id, fund_id, kind, source, state, amount_fen, confirmed_fen, placed_at, trade_on, confirm_on
    FROM fund_orders WHERE account_id = :account_id AND fund_order_id < :before
    ORDER BY fund_order_id DESC LIMIT :limit
    """
)
_INCOMES = text(
    """
    SELECT d.day, y.ten_thousand_e4, y.seven_day_e3, coalesce(i.units_fen, h.last_units_fen, 0) AS units_fen,
        coalesce(i.paid_fen + i.corrected_fen, h.last_income_fen, 0) AS income_fen
    FROM fund_days AS d
    JOIN fund_yields AS y ON y.fund_id = d.fund_id AND y.day = d.day AND y.version = d.version
    LEFT JOIN fund_incomes AS i ON i.fund_id = d.fund_id AND i.day = d.day AND i.account_id = :account_id
    LEFT JOIN fund_holdings AS h ON d.incomes_kept_at IS NULL AND h.fund_id = d.fund_id AND h.account_id = :account_id
    WHERE d.fund_id = :fund_id AND d.day BETWEEN CAST(:first AS date) AND CAST(:last AS date)
    ORDER BY d.day LIMIT :limit
    """
)


class Words(Body):
    """A text in both languages."""

    zh = Text(high=1_000, required=True)
    en = Text(high=1_000, required=True)


class RiskQuestionOut(Words):
    """A question and its answers, in the order in which they are counted from 0."""

    answers = Many(fields.Nested(Words), high=10, required=True)


class QuestionnaireOut(Body):
    """The risk questionnaire of today."""

    version = Int(low=1, high=1_000, required=True)
    questions = Many(fields.Nested(RiskQuestionOut), high=50, required=True)


class AnswersIn(Body):
    """One answer for each question, by its place from 0."""

    version = Int(low=1, high=1_000, required=True)
    answers = Many(Int(low=0, high=9), low=1, high=50, required=True)


class AssessedOut(Body):
    """A person's level, 1 (C1) to 5 (C5), and until when it counts."""

    assessment_id = Id(required=True)
    score = Int(low=0, high=1_000, required=True)
    level = Int(low=1, high=5, required=True)
    version = Int(low=1, high=1_000, required=True)
    expires_on = Day(required=True)


class DocumentConsentIn(Body):
    """A document in the version that was read."""

    kind = Text(high=40, required=True)
    version = Int(low=1, high=1_000, required=True)


class ProfileOut(Body):
    """One's level and the documents that one agreed to."""

    level = Int(low=1, high=5, required=True, allow_none=True)
    expires_on = Day(required=True, allow_none=True)
    is_current = Flag(required=True)
    consents = Many(fields.Nested(DocumentConsentIn), high=100, required=True)


class AcceptanceIn(Body):
    """How risky products may be that one wants."""

    risk_level = Int(low=2, high=5, required=True)


class AcceptanceOut(Body):
    """What one has asked for, and from when on it can be confirmed."""

    acceptance_id = Id(required=True)
    risk_level = Int(low=2, high=5, required=True)
    ready_at = Instant(required=True)
    is_confirmed = Flag(required=True)


class DocumentOut(Body):
    """A document to be read before the first purchase."""

    kind = Text(high=40, required=True)
    version = Int(low=1, high=1_000, required=True)
    title = fields.Nested(Words, required=True)
    text = fields.Nested(Words, required=True)


class DocumentsOut(Body):
    """The documents of today."""

    items = Many(fields.Nested(DocumentOut), high=100, required=True)


class FundOut(Body):
    """A fund, and what one holds of it.

    Income per 10,000 units (万份收益) in 1/10,000 yuan, the seven-day yield (七日年化) in 1/1,000 percent, of the last
    published day. Both tell of the past.
    """

    fund_id = Id(required=True)
    code = Text(high=40, required=True)
    name_zh = Text(high=100, required=True)
    name_en = Text(high=100, required=True)
    risk_level = Int(low=1, high=5, required=True)
    minimum_fen = Fen(required=True)
    fast_cap_fen = Fen(required=True)
    fast_left_fen = Fen(required=True)
    accrued_through = Day(required=True)
    ten_thousand_e4 = Int(low=0, high=10**9, required=True, allow_none=True)
    seven_day_e3 = Int(low=0, high=10**9, required=True, allow_none=True)
    units_fen = Fen(required=True)
    pending_in_fen = Fen(required=True)
    pending_out_fen = Fen(required=True)
    last_income_fen = Fen(required=True)
    income_fen = Fen(required=True)


class FundsOut(Body):
    """All funds."""

    items = Many(fields.Nested(FundOut), high=100, required=True)


class PurchaseIn(Body):
    """How much to put into the fund."""

    amount_fen = Fen(low=1, required=True)
    step_up_grant = Id(load_default=None, allow_none=True)


class RedemptionIn(Body):
    """How much to take out; at once within the day's cap, or the normal way."""

    amount_fen = Fen(low=1, required=True)
    is_fast = Flag(required=True)


class FundOrderMovedOut(Body):
    """Where an order stands: its day (T), and the trading day after it, on which it is confirmed or paid."""

    fund_order_id = Id(required=True)
    fund_id = Id(required=True)
    kind = Choice(FundOrderKind, required=True)
    state = Choice(FundOrderState, required=True)
    amount_fen = Fen(required=True)
    trade_on = Day(required=True)
    confirm_on = Day(required=True)


class FundOrderOut(FundOrderMovedOut):
    """An order as one sees it."""

    source = Choice(FundOrderSource, required=True)
    confirmed_fen = Fen(required=True, allow_none=True)
    placed_at = Instant(required=True)


class FundOrdersOut(Body):
    """A page of orders, newest first."""

    items = Many(fields.Nested(FundOrderOut), high=100, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class IncomesQuery(Query):
    """From a day to a day, both included."""

    first = Day(required=True)
    last = Day(required=True)


class IncomeOut(Body):
    """A day: what the fund published, and what one earned."""

    day = Day(required=True)
    ten_thousand_e4 = Int(low=0, high=10**9, required=True)
    seven_day_e3 = Int(low=0, high=10**9, required=True, allow_none=True)
    units_fen = Fen(required=True)
    income_fen = fields.Integer(required=True, strict=True)


class IncomesOut(Body):
    """Days in their order, as a chart wants them, and their sum."""

    items = Many(fields.Nested(IncomeOut), high=INCOME_DAYS_MAX, required=True)
    income_fen = fields.Integer(required=True, strict=True)


def _as_words(pair: tuple[str, ...]) -> dict[str, str]:
    return {"zh": pair[0], "en": pair[1]}


def incomes(actor: Actor, fund_id: UUID, first: date, last: date) -> dict[str, Any]:
    """Return the days of a fund with one's income, at most :data:`INCOME_DAYS_MAX` of them."""
    last = min(last, first + timedelta(days=INCOME_DAYS_MAX - 1))
    params = {"account_id": actor.account_id, "fund_id": fund_id, "first": first, "last": last}
    rows = [dict(row._mapping) for row in read(_INCOMES, {**params, "limit": INCOME_DAYS_MAX})]
    return {"items": rows, "income_fen": sum(row["income_fen"] for row in rows)}


def add_wealth(door: Door) -> None:  # noqa: C901 - one function a route
    """Add the routes to ``door``."""

    @door.get("/wealth/questionnaire", answer=QuestionnaireOut)
    @policy("wealth.read", Relation.SIDE)
    def read_questionnaire(_actor: Actor) -> dict[str, Any]:
        """Read the risk questionnaire of today."""
        asked = [
            {"zh": one.zh, "en": one.en, "answers": [_as_words(answer[:2]) for answer in one.answers]}
            for one in QUESTIONS
        ]
        return {"version": QUESTIONNAIRE_VERSION, "questions": asked}

    @door.post("/wealth/risk-assessments", body=AnswersIn, answer=AssessedOut, status=201, once=True)
    @policy("wealth.assess", Relation.OWN)
    def answer_questionnaire(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> suitability.Assessed:
        """Answer the risk questionnaire; the level counts for a year."""
        return suitability.take_questionnaire(actor, claim, **body)

    @door.get("/wealth/profile", answer=ProfileOut)
    @policy("wealth.read", Relation.OWN)
    def read_wealth_profile(actor: Actor) -> dict[str, Any]:
        """Read one's risk level and consents."""
        return suitability.profile(actor)

    @door.get("/wealth/documents", answer=DocumentsOut)
    @policy("wealth.read", Relation.SIDE)
    def list_wealth_documents(_actor: Actor) -> dict[str, Any]:
        """List what has to be read before the first purchase."""
        return {
            "items": [
                {
                    "kind": one.kind,
                    "version": one.version,
                    "title": {"zh": one.title_zh, "en": one.title_en},
                    "text": {"zh": one.text_zh, "en": one.text_en},
                }
                for one in DOCUMENTS
            ]
        }

    @door.post("/wealth/risk-acceptances", body=AcceptanceIn, answer=AcceptanceOut, status=201, once=True)
    @policy("wealth.assess", Relation.OWN)
    def ask_for_risk(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> Acceptance:
        """Say that one wants products above one's level; it can be confirmed when a day has gone by."""
        return ask_acceptance(actor, claim, **body)

    @door.post("/wealth/risk-acceptances/<uuid:acceptance_id>/confirmation", answer=AcceptanceOut, once=True)
    @policy("wealth.assess", Relation.OWN)
    def confirm_risk(actor: Actor, *, claim: Claim, acceptance_id: UUID) -> Acceptance:
        """Confirm it after the cooling time; it counts for thirty days, and for no other assessment."""
        return confirm_acceptance(actor, claim, acceptance_id=acceptance_id)

    @door.post("/wealth/document-consents", body=DocumentConsentIn, answer=DocumentConsentIn, status=201, once=True)
    @policy("wealth.assess", Relation.OWN)
    def agree_to_document(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> suitability.Consented:
        """Agree to a document in its version of today."""
        return suitability.consent_to_document(actor, claim, **body)

    @door.get("/funds", answer=FundsOut)
    @policy("wealth.read", Relation.OWN)
    def list_funds(actor: Actor) -> dict[str, Any]:
        """List the funds, with what one holds of each."""
        rows = read(_FUNDS, {"account_id": actor.account_id, "fund_id": None})
        return {"items": [_fund(row._mapping) for row in rows]}

    @door.get("/funds/<uuid:fund_id>", answer=FundOut)
    @policy("wealth.read", Relation.OWN)
    def read_fund(actor: Actor, *, fund_id: UUID) -> dict[str, Any]:
        """Read one fund, with what one holds of it."""
        row = read(_FUNDS, {"account_id": actor.account_id, "fund_id": fund_id}).one_or_none()
        if row is None:
            raise FundNotFound
        return _fund(row._mapping)

    @door.post("/funds/<uuid:fund_id>/purchases", body=PurchaseIn, answer=FundOrderMovedOut, status=201, once=True)
    @policy("wealth.buy", Relation.OWN)
    def buy(actor: Actor, *, claim: Claim, fund_id: UUID, body: dict[str, Any]) -> FundOrderMoved:
        """Buy units from the e-account: before 15:00 of a trading day they are confirmed on the next."""
        return buy_fund(actor, claim, fund_id=fund_id, **body)

    @door.post("/funds/<uuid:fund_id>/redemptions", body=RedemptionIn, answer=FundOrderMovedOut, status=201, once=True)
    @policy("wealth.redeem", Relation.OWN)
    def redeem(actor: Actor, *, claim: Claim, fund_id: UUID, body: dict[str, Any]) -> FundOrderMoved:
        """Redeem units to the e-account, at once within the day's cap or on the next trading day."""
        return redeem_fund(actor, claim, fund_id=fund_id, **body)

    @door.get("/fund-orders", query=PageQuery, answer=FundOrdersOut)
    @policy("wealth.read", Relation.OWN)
    def list_fund_orders(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List one's orders of funds, newest first."""
        before = read_cursor(query["cursor"])
        rows = read(_ORDERS, {"account_id": actor.account_id, "before": before, "limit": query["limit"] + 1})
        return page([dict(row._mapping) for row in rows], limit=query["limit"], key="fund_order_id")

    @door.post("/fund-orders/<uuid:fund_order_id>/cancellation", answer=FundOrderMovedOut, once=True)
    @policy("wealth.redeem", Relation.OWN)
    def cancel_order_of_fund(actor: Actor, *, claim: Claim, fund_order_id: UUID) -> FundOrderMoved:
        """Cancel an order before its cut-off."""
        return cancel_fund_order(actor, claim, fund_order_id=fund_order_id)

    @door.get("/funds/<uuid:fund_id>/incomes", query=IncomesQuery, answer=IncomesOut)
    @policy("wealth.read", Relation.OWN)
    def list_fund_incomes(actor: Actor, *, fund_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
        """List a fund's days with one's income, oldest first, as a chart wants them."""
        if read(_FUNDS, {"account_id": actor.account_id, "fund_id": fund_id}).one_or_none() is None:
            raise FundNotFound
        if query["first"] > query["last"]:
            raise SpanInvalid(pointer="/last", days_max=INCOME_DAYS_MAX)
        return incomes(actor, fund_id, **query)


def _fund(row: Any) -> dict[str, Any]:
    return {**row, "pending_in_fen": int(row["pending_in_fen"]), "pending_out_fen": int(row["pending_out_fen"])}
