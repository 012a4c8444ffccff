"""What is known of how one deals with money, shown to oneself."""

from dataclasses import asdict
from typing import Any

from marshmallow import fields

from app.core.credit.ports import MONTHS_MAX
from app.kernel.actor import Actor
from app.usecases.crediting.facts import read_credit_facts
from app.web.door import Door
from app.web.fields import Body, Day, Int, Many, Query
from app.web.policy import Relation, policy

SUM_FEN_MAX = 10**15


class CreditQuery(Query):
    """How many months, the present one included."""

    months = Int(low=1, high=MONTHS_MAX, load_default=12)


class MonthFlowOut(Body):
    """What came and left in a month."""

    month = Day(required=True)
    in_fen = Int(low=0, high=SUM_FEN_MAX, required=True)
    out_fen = Int(low=0, high=SUM_FEN_MAX, required=True)


class CreditFactsOut(Body):
    """Facts, and no judgement."""

    account_age_days = Int(low=0, high=10**6, required=True)
    verification_level = Int(low=0, high=3, required=True)
    flows = Many(fields.Nested(MonthFlowOut), high=MONTHS_MAX, required=True)
    bill_count = Int(low=0, high=10**9, required=True)
    bill_on_time_count = Int(low=0, high=10**9, required=True)
    order_count = Int(low=0, high=10**9, required=True)


def add_credit(door: Door) -> None:
    """Add the route to ``door``."""

    @door.get("/account/credit-facts", query=CreditQuery, answer=CreditFactsOut)
    @policy("account.read", Relation.OWN)
    def read_facts(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """Read what is known of how one deals with money: age of the account, flows, bills paid on time."""
        facts = read_credit_facts(actor.account_id, months=query["months"])
        assert facts is not None, "who has a token has an account"
        return asdict(facts)
