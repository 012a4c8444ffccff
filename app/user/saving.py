"""Routes of saving by itself: the sweep rule, savings plans, and paying from the fund."""

from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.wealth.errors import SweepRuleNotFound
from app.core.wealth.standing import PlanState, Rhythm
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read
from app.usecases.paying.pay_checkout import PaymentStarted
from app.usecases.saving.pay_from_fund import pay_checkout_from_fund
from app.usecases.saving.plans import PlanMoved, make_plan, stop_plan
from app.usecases.saving.sweeps import SweepRule, drop_sweep_rule, set_sweep_rule, sweep_rule_of
from app.user import schemas
from app.user.queries import paid_at_once
from app.web.door import Door
from app.web.fields import Body, Choice, Day, Fen, Flag, Id, Int, Many, Text
from app.web.paging import PageQuery, page, read_cursor
from app.web.policy import Relation, policy

_PLANS = text(
    """
    SELECT plan_id, fund_id, amount_fen, rhythm, state, next_on, bought_count, missed_count FROM savings_plans
    WHERE account_id = :account_id AND plan_id < :before ORDER BY plan_id DESC LIMIT :limit
    """
)


class SweepRuleIn(Body):
    """How much stays on the e-account; whether a payment that lacks something takes it back from the fund."""

    keep_fen = Fen(required=True)
    is_pull_back = Flag(required=True)
    step_up_grant = Id(load_default=None, allow_none=True)


class SweepRuleOut(Body):
    """The rule as it stands."""

    fund_id = Id(required=True)
    keep_fen = Fen(required=True)
    is_pull_back = Flag(required=True)


class PlanIn(Body):
    """An amount, how often, and from which day on."""

    amount_fen = Fen(low=1, required=True)
    rhythm = Choice(Rhythm, required=True)
    first_on = Day(required=True)
    step_up_grant = Id(load_default=None, allow_none=True)


class PlanMovedOut(Body):
    """Where a plan stands."""

    plan_id = Id(required=True)
    fund_id = Id(required=True)
    amount_fen = Fen(low=1, required=True)
    rhythm = Choice(Rhythm, required=True)
    state = Choice(PlanState, required=True)
    next_on = Day(required=True)


class PlanOut(PlanMovedOut):
    """A plan as one sees it, with how often it saved and how often the money was not there."""

    bought_count = Int(low=0, high=10**6, required=True)
    missed_count = Int(low=0, high=10**6, required=True)


class PlansOut(Body):
    """A page of plans, newest first."""

    items = Many(fields.Nested(PlanOut), high=100, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class FundPaymentIn(Body):
    """Which checkout is paid. The step-up grant is one for the checkout."""

    checkout_id = Id(required=True)
    step_up_grant = Id(load_default=None, allow_none=True)


def _paid(_actor: Actor, started: dict[str, Any]) -> dict[str, Any]:
    return paid_at_once(started)


def add_saving(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.post(
        "/funds/<uuid:fund_id>/payments",
        body=FundPaymentIn,
        answer=schemas.PaymentOut,
        status=201,
        once=True,
        finish=_paid,
    )
    @policy("checkout.pay", Relation.OWN)
    def pay_from_fund(actor: Actor, *, claim: Claim, fund_id: UUID, body: dict[str, Any]) -> PaymentStarted:
        """Pay a checkout from the fund: redeemed at once, within the day's cap, and paid by one act."""
        return pay_checkout_from_fund(actor, claim, fund_id=fund_id, **body)

    @door.put("/funds/<uuid:fund_id>/sweep-rule", body=SweepRuleIn, answer=SweepRuleOut, once=True)
    @policy("wealth.buy", Relation.OWN)
    def put_sweep_rule(actor: Actor, *, claim: Claim, fund_id: UUID, body: dict[str, Any]) -> SweepRule:
        """Let what stands on the e-account above an amount go into the fund every day."""
        return set_sweep_rule(actor, claim, fund_id=fund_id, **body)

    @door.get("/sweep-rule", answer=SweepRuleOut)
    @policy("wealth.read", Relation.OWN)
    def read_sweep_rule(actor: Actor) -> SweepRule:
        """Read one's sweep rule."""
        rule = sweep_rule_of(actor)
        if rule is None:
            raise SweepRuleNotFound
        return rule

    @door.delete("/sweep-rule")
    @policy("wealth.redeem", Relation.OWN)
    def delete_sweep_rule(actor: Actor) -> None:
        """Let the sweep be."""
        drop_sweep_rule(actor)

    @door.post("/funds/<uuid:fund_id>/savings-plans", body=PlanIn, answer=PlanMovedOut, status=201, once=True)
    @policy("wealth.buy", Relation.OWN)
    def begin_plan(actor: Actor, *, claim: Claim, fund_id: UUID, body: dict[str, Any]) -> PlanMoved:
        """Save an amount every day, week or month."""
        return make_plan(actor, claim, fund_id=fund_id, **{**body, "rhythm": Rhythm(body["rhythm"])})

    @door.get("/savings-plans", query=PageQuery, answer=PlansOut)
    @policy("wealth.read", Relation.OWN)
    def list_plans(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List one's savings plans, newest first."""
        before = read_cursor(query["cursor"])
        rows = read(_PLANS, {"account_id": actor.account_id, "before": before, "limit": query["limit"] + 1})
        return page([dict(row._mapping) for row in rows], limit=query["limit"], key="plan_id")

    @door.post("/savings-plans/<uuid:plan_id>/stop", answer=PlanMovedOut, once=True)
    @policy("wealth.redeem", Relation.OWN)
    def end_plan(actor: Actor, *, claim: Claim, plan_id: UUID) -> PlanMoved:
        """Stop a savings plan."""
        return stop_plan(actor, claim, plan_id=plan_id)
