"""A payment gateway in memory, for walks that are too long for a process of its own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from app.core.payments.ports import (
    GatewayDispute,
    GatewayRefund,
    GatewayRefused,
    GatewayUnknown,
    Intent,
    IntentState,
    RefundState,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

T = TypeVar("T")


@dataclass
class Till:
    """A gateway in memory: what was paid, what went back, and a mood in which it loses every reply.

    It knows of no dispute: those that other tests left open stay unanswered.
    """

    is_live: bool = False
    is_moody: bool = False
    intents: dict[str, Intent] = field(default_factory=dict)
    refunds: dict[str, GatewayRefund] = field(default_factory=dict)

    @property
    def balance_fen(self) -> int:
        paid = sum(one.amount_received_fen for one in self.intents.values())
        return paid - sum(one.amount_fen for one in self.refunds.values())

    def scan(self, intent_id: str) -> None:
        intent = self.intents[intent_id]
        if intent.state is IntentState.REQUIRES_ACTION:
            self.intents[intent_id] = replace(
                intent, state=IntentState.SUCCEEDED, amount_received_fen=intent.amount_fen, qr_text=None
            )

    def create_intent(self, *, key: str, amount_fen: int, attempt_id: UUID, **_: Any) -> Intent:
        intent_id = f"pi_{key}"
        self.intents.setdefault(
            intent_id,
            Intent(
                id=intent_id,
                state=IntentState.REQUIRES_ACTION,
                amount_fen=amount_fen,
                amount_received_fen=0,
                currency="cny",
                is_live=False,
                qr_text="weixin://",
                qr_image_url=None,
                client_secret=None,
                metadata={"attempt_id": str(attempt_id)},
                created_at=0,
                charge_id=None,
            ),
        )
        return self._reply(self.intents[intent_id])

    def retrieve_intent(self, intent_id: str) -> Intent:
        if intent_id not in self.intents:
            raise GatewayUnknown("not of this test")
        return self._reply(self.intents[intent_id])

    def cancel_intent(self, *, key: str, intent_id: str) -> Intent:
        intent = self.retrieve_intent(intent_id)
        if intent.state is not IntentState.REQUIRES_ACTION:
            raise GatewayRefused("payment_intent_unexpected_state", "")
        self.intents[intent_id] = replace(intent, state=IntentState.CANCELED, qr_text=None)
        return self._reply(self.intents[intent_id])

    def find_refund(self, *, refund_id: UUID, intent_id: str) -> GatewayRefund | None:
        return self._reply(self.refunds.get(f"refund:{refund_id}"))

    def create_refund(self, *, key: str, intent_id: str, amount_fen: int, refund_id: UUID) -> GatewayRefund:
        paid = self.retrieve_intent(intent_id).amount_received_fen
        gone = sum(one.amount_fen for one in self.refunds.values() if one.intent_id == intent_id)
        if key not in self.refunds:
            assert gone + amount_fen <= paid, "more is asked back than was paid"
            self.refunds[key] = GatewayRefund(
                id=f"re_{refund_id}",
                state=RefundState.SUCCEEDED,
                amount_fen=amount_fen,
                currency="cny",
                intent_id=intent_id,
                metadata={"refund_id": str(refund_id)},
                failure_reason=None,
            )
        return self._reply(self.refunds[key])

    def retrieve_dispute(self, dispute_id: str) -> GatewayDispute:
        raise GatewayUnknown(f"{dispute_id} is not of this test")

    def find_disputes(self, *, created_from: int = 0, intent_id: str | None = None) -> list[GatewayDispute]:
        return self._reply([])

    def submit_evidence(self, *, key: str, dispute_id: str, evidence: Mapping[str, str]) -> GatewayDispute:
        return self.retrieve_dispute(dispute_id)

    def submit_acceptance(self, *, key: str, dispute_id: str) -> GatewayDispute:
        return self.retrieve_dispute(dispute_id)

    def _reply(self, answer: T) -> T:
        if self.is_moody:
            raise GatewayUnknown("lost_reply")
        return answer
