"""Routes about who helped whom sign up, ``/store/v1``."""

from typing import Any

from app.kernel.actor import Actor
from app.usecases.attributing.help import HelpCode, show_help_code
from app.web.door import Door
from app.web.fields import Body, Id, Int, Text
from app.web.policy import Relation, policy


class HelpCodeIn(Body):
    """For which store one helped."""

    store_id = Id(required=True)


class HelpCodeOut(Body):
    """What to show; once, for so long."""

    code = Text(high=64, required=True)
    expires_in_s = Int(low=1, high=100_000, required=True)


def add_helping(door: Door) -> None:
    """Add the route to ``door``."""

    @door.post("/help-codes", body=HelpCodeIn, answer=HelpCodeOut, status=201)
    @policy("help.show", Relation.OWN_STORE)
    def show_help(actor: Actor, *, body: dict[str, Any]) -> HelpCode:
        """Make a code for somebody whom one helped sign up: they name it within seven days."""
        return show_help_code(actor, store_id=body["store_id"])
