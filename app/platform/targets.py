"""Routes of stores' targets, ``/platform/v1``."""

from typing import Any
from uuid import UUID

from app.core.figures.catalog import FigureName
from app.kernel.actor import Actor
from app.kernel.transaction import Claim
from app.usecases.attributing.targets import TargetSet, set_target
from app.web.door import Door
from app.web.fields import Body, Choice, Day, Id, Int
from app.web.policy import Relation, policy
from app.web.views import COUNT_MAX


class TargetIn(Body):
    """What is wanted of a figure in the month that begins on this day."""

    month = Day(required=True)
    figure = Choice(FigureName, required=True)
    target = Int(low=0, high=COUNT_MAX, required=True)


class TargetOut(TargetIn):
    """What is wanted now."""

    store_id = Id(required=True)


def add_targets(door: Door) -> None:
    """Add the route to ``door``."""

    @door.put("/stores/<uuid:store_id>/target", body=TargetIn, answer=TargetOut, once=True)
    @policy("target.write", Relation.PLATFORM)
    def put_target(actor: Actor, *, claim: Claim, store_id: UUID, body: dict[str, Any]) -> TargetSet:
        """Set a store's target of a figure for a month."""
        return set_target(actor, claim, store_id=store_id, **body)
