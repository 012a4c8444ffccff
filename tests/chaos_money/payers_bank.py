"""The payers' bank: takes some card payments back, is answered or not, and has decided when the noise is over."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from app.core.accounts.models import PLATFORM_ID, MemberRole, OrganizationKind
from app.core.payments.disputes import DisputeBearer
from app.kernel.actor import Side
from app.kernel.errors import Conflict, NotFound
from app.usecases.deciding.approvals import approve
from app.usecases.deciding.requests import ask_acceptance, ask_bearer
from app.usecases.disputing.answer import hand_in_evidence
from tests.chaos_money.patience import AGAIN_S, PATIENCE_S, id_in, insist, press
from tests.factories import a_claim
from tests.factories.people import Person, a_member
from tests.factories.rows import look

if TYPE_CHECKING:
    from tests.chaos_money.verdict import Provider

SHARE = 0.5
"""Of the card payments that are paid, how many are taken back, or asked about."""
LATE_SHARE = 0.2
"""Of the refunds that have succeeded, how many fail when all is over."""
_SAID = ("winning_evidence", "losing_evidence", "a photograph of the parcel")


def _finance() -> Person:
    return a_member(Side.PLATFORM, OrganizationKind.PLATFORM, PLATFORM_ID, MemberRole.FINANCE)


@dataclass
class PayersBank:
    """What the bank and our finance do about card payments, decided by the seed of who paid.

    :ivar play: the page of the gateway on which the bank is played.
    :ivar unheard: what finance would answer, and is not heard of while everything breaks; with the dice of who paid.
    """

    play: str
    unheard: list[tuple[str, random.Random, bool]] = field(default_factory=list)

    def take_back(self, intent_id: str, dice: random.Random) -> None:
        """Dispute a payment, or inquire, and let finance answer, give it up or look away."""
        amount, turn = dice.choice(("", "?amount=1", "?inquiry=true")), dice.random()
        dispute = press(f"{self.play}/sandbox/payment_intents/{intent_id}/dispute{amount}")
        if dispute is None or not dispute.ok:
            return  # all of it was refunded before
        if turn < 0.6:
            self._answer(str(dispute.json()["id"]), dice, is_given_up=turn < 0.2)

    def _answer(self, dispute: str, dice: random.Random, *, is_given_up: bool) -> None:
        dispute_id = _heard_of(dispute)
        if dispute_id is None:
            self.unheard.append((dispute, dice, is_given_up))
            return
        person, decider = insist(_finance), insist(_finance)
        claim, yes, said = a_claim(person), a_claim(decider), {"uncategorized_text": dice.choice(_SAID)}
        with suppress(Conflict, NotFound):  # the bank was quicker
            if not is_given_up:
                insist(lambda: hand_in_evidence(person.actor, claim, dispute_id=dispute_id, evidence=said))
                return
            asked = insist(lambda: ask_acceptance(person.actor, claim, why="CASE-1", dispute_id=dispute_id))
            approval_id = UUID(id_in(asked, "approval_id"))
            insist(lambda: approve(decider.actor, yes, approval_id=approval_id))

    def answer_the_rest(self) -> None:
        """Let finance answer what it means to answer, now that all of it is heard of."""
        unheard, self.unheard = self.unheard, []
        for dispute, dice, is_given_up in unheard:
            self._answer(dispute, dice, is_given_up=is_given_up)

    def decide_the_rest(self, provider: Provider, seed: int) -> None:
        """Decide every dispute that is open, some against us; some inquiries become disputes before.

        All that the gateway knows: who opened one may not have had an answer.
        """
        dice = random.Random(f"{seed}:bank")
        for dispute in sorted(one["id"] for one in provider.every("disputes")):
            if dice.random() < 0.5:
                press(f"{self.play}/sandbox/disputes/{dispute}/escalated")  # refused when it is no inquiry
            press(f"{self.play}/sandbox/disputes/{dispute}/{dice.choice(('won', 'lost'))}")  # refused when it is over

    def send_back(self, provider: Provider, seed: int) -> int:
        """Let every fifth refund that has succeeded fail, when all is long over; return how many."""
        dice = random.Random(f"{seed}:late")
        paid = sorted(one["id"] for one in provider.every("refunds") if one["status"] == "succeeded")
        late = [one for one in paid if dice.random() < LATE_SHARE]
        for refund in late:
            press(f"{self.play}/sandbox/refunds/{refund}/fail")
        return len(late)


def bear_some() -> int:
    """Let the platform bear every other lost dispute of which something is left; return how many."""
    left = look("SELECT dispute_id FROM disputes WHERE state = 'lost' AND open_fen > 0 ORDER BY dispute_id")
    for row in left[::2]:
        asker, decider = _finance(), _finance()
        asked = ask_bearer(
            asker.actor, a_claim(asker), why="CASE-1", dispute_id=row.dispute_id, bearer=DisputeBearer.PLATFORM
        )
        approve(decider.actor, a_claim(decider), approval_id=asked.approval_id)
    return len(left[::2])


def _heard_of(dispute: str) -> UUID | None:
    """Wait until we know of a dispute; None when we are told too late."""
    ends = time.monotonic() + PATIENCE_S / 8
    while time.monotonic() < ends:
        rows = insist(lambda: look("SELECT dispute_id FROM disputes WHERE gateway_dispute_id = :id", id=dispute))
        if rows:
            found: UUID = rows[0].dispute_id
            return found
        time.sleep(AGAIN_S * 5)
    return None
