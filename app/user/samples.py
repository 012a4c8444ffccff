"""Samples in stores for residents: the code beside one leads to the offer, ``/user/v1``."""

from typing import Any

from app.core.visiting.rules import CODE_CHARS
from app.kernel.actor import Actor
from app.kernel.transaction import Claim
from app.usecases.visiting.samples import SampleScanned, scan_sample
from app.web.door import Door
from app.web.fields import Body, Id, Pattern
from app.web.policy import Relation, policy


class ScanIn(Body):
    """The code that was scanned."""

    code = Pattern(rf"[0-9a-f]{{{CODE_CHARS}}}", high=CODE_CHARS, required=True)


class ScannedOut(Body):
    """The offer that was tried, the shop that sells it, and the store that shows it."""

    sample_id = Id(required=True)
    store_id = Id(required=True)
    offer_id = Id(required=True)
    shop_id = Id(required=True)


def add_samples(door: Door) -> None:
    """Add the route to ``door``."""

    @door.post("/sample-scans", body=ScanIn, answer=ScannedOut, status=201, once=True)
    @policy("sample.scan", Relation.OWN)
    def scan(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> SampleScanned:
        """Follow the code beside a sample to the offer; what one buys of it within a week counts for the store."""
        return scan_sample(actor, claim, code=body["code"])
