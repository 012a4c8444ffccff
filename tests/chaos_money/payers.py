"""People who pay, cancel and are paid while everything around them breaks: each insists until it knows."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.core import ledger
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.orders.states import OrderState
from app.core.payments.models import PaymentChannel, PaymentMethod
from app.core.payments.ports import GatewayRefused, GatewayUnknown, GatewayUnreachable
from app.kernel.errors import Conflict
from app.kernel.ids import new_id
from app.kernel.transaction import transaction
from app.usecases.ordering.cancel_checkout import cancel_checkout
from app.usecases.ordering.cancel_order import cancel_order
from app.usecases.paying.attempts import ask_gateway
from app.usecases.paying.pay_checkout import pay_checkout
from app.usecases.paying.top_up import top_up
from app.usecases.settling.pay_out import ask_payout, name_bank_account
from tests.chaos_money.patience import AGAIN_S, PASSING, PATIENCE_S, id_in, insist, press
from tests.chaos_money.payers_bank import SHARE, PayersBank
from tests.factories import a_claim, a_grant, a_merchant_with_shop, a_resident, an_offer, an_order
from tests.factories.rows import change, look

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from app.core.payments.ports import PaymentGateway
    from tests.factories import AnOrder, Offer, Shop

HANDS = 12
TAILS = ("1234", "0001", "0002", "0003")
"""Ends of account numbers at the sandbox bank: paid, refused for good, busy once, paid and returned."""


@dataclass
class Payers:
    """The people of a run, decided by its seed.

    :ivar bank: who plays what is decided outside: codes are scanned on the same page of the gateway.
    """

    app: Flask
    gateway: PaymentGateway
    bank: PayersBank
    seed: int
    shops: list[tuple[Shop, Offer]] = field(default_factory=list)
    done: dict[str, int] = field(default_factory=dict)

    def open_shops(self, count: int) -> None:
        """Let there be shops whose things everybody buys."""
        for _ in range(count):
            shop = a_merchant_with_shop()
            self.shops.append((shop, an_offer(shop)))

    def run(self, payments: int, payouts: int, advance: Callable[[], None]) -> None:
        """Do everything, many at once."""
        acts = [("payment", number) for number in range(payments)] + [("payout", number) for number in range(payouts)]
        random.Random(self.seed).shuffle(acts)
        with ThreadPoolExecutor(HANDS) as pool:
            for future in as_completed([pool.submit(self._one, kind, number) for kind, number in acts]):
                what = future.result()
                self.done[what] = self.done.get(what, 0) + 1
                advance()

    def _one(self, kind: str, number: int) -> str:
        dice = random.Random(f"{self.seed}:{kind}:{number}")
        with self.app.app_context():
            if kind == "payout":
                return self._payout(dice)
            return self._checkout(dice) if dice.random() < 0.4 else self._top_up(dice)

    def _top_up(self, dice: random.Random) -> str:
        resident = insist(a_resident)
        claim, amount_fen, channel = a_claim(resident), dice.randrange(1, 100_000), dice.choice(list(PaymentChannel))
        started = insist(lambda: top_up(resident.actor, claim, amount_fen=amount_fen, channel=channel))
        self._pay(UUID(id_in(started, "attempt_id")), channel, dice)
        return "top-ups"

    def _checkout(self, dice: random.Random) -> str:
        order = insist(lambda: self._order(dice))
        resident, claim, cancel = order.resident, a_claim(order.resident), a_claim(order.resident)
        channel = dice.choice(list(PaymentChannel))
        asked: dict[str, Any] = {"checkout_id": order.checkout_id, "method": PaymentMethod(channel)}
        asked |= {"step_up_grant": None, "account_part_fen": None, "channel": channel}
        if dice.random() < 0.4:
            part_fen = dice.randrange(1, order.total_fen)
            grant_id = insist(lambda: a_grant(resident, order.checkout_id, part_fen))
            asked |= {"method": PaymentMethod.MIXED, "step_up_grant": grant_id, "account_part_fen": part_fen}
        started = insist(lambda: pay_checkout(resident.actor, claim, **asked))
        turn = dice.random()
        if turn < 0.1:
            grant, second = insist(lambda: a_grant(resident, order.checkout_id)), a_claim(resident)
            paid = {"checkout_id": order.checkout_id, "method": PaymentMethod.E_ACCOUNT, "step_up_grant": grant}
            with suppress(Conflict):
                insist(lambda: pay_checkout(resident.actor, second, **paid))
        elif turn < 0.2:
            with suppress(Conflict):
                insist(lambda: cancel_checkout(resident.actor, cancel, checkout_id=order.checkout_id))
        is_paid = self._pay(UUID(id_in(started, "attempt_id")), channel, dice)
        if dice.random() < 0.6:
            self._cancel(order, is_patient=is_paid and not 0.1 <= turn < 0.2)
        return "checkouts"

    def _order(self, dice: random.Random) -> AnOrder:
        shop, offer = dice.choice(self.shops)
        resident = a_resident(balance_fen=100_000)
        return an_order(state=OrderState.AWAITING_PAYMENT, shop=shop, resident=resident, lines=[(offer, 1)])

    def _pay(self, attempt_id: UUID, channel: PaymentChannel, dice: random.Random) -> bool:
        """Make the code as the request does, then scan it as soon as it is there; or refuse it, or never look.

        By card: give one that is good, or one that is declined and no other. True when it was paid.
        """
        acts = ("refuse", "pay") if channel is PaymentChannel.WECHAT_PAY else ("cards/declined", "cards/visa")
        with suppress(GatewayUnknown, GatewayUnreachable, GatewayRefused, *PASSING):
            ask_gateway(self.gateway, attempt_id)
        fate = dice.random()
        if fate > 0.92:
            return False
        ends = time.monotonic() + PATIENCE_S / 4
        while time.monotonic() < ends:
            intent_id = insist(lambda: _intent_of(attempt_id))
            if intent_id is not None:
                answer = press(f"{self.bank.play}/sandbox/payment_intents/{intent_id}/{acts[fate <= 0.88]}")
                if channel is PaymentChannel.CARD and dice.random() < SHARE:
                    self.bank.take_back(intent_id, dice)
                return answer is not None and answer.ok and fate <= 0.88
            time.sleep(AGAIN_S * 5)
        return False

    def _cancel(self, order: AnOrder, *, is_patient: bool) -> None:
        """Cancel an order; who has paid for it waits until that is known."""
        ends = time.monotonic() + (PATIENCE_S / 4 if is_patient else 0.0)
        claim = a_claim(order.resident)
        while True:
            with suppress(Conflict):
                insist(lambda: cancel_order(order.resident.actor, claim, order_id=order.order_id))
                return
            if time.monotonic() > ends:
                return
            time.sleep(AGAIN_S * 5)

    def _payout(self, dice: random.Random) -> str:
        number, amount_fen = f"622202020000{dice.choice(TAILS)}", dice.randrange(100, 50_000)
        shop = insist(lambda: _a_rich_merchant(number, amount_fen))
        claim, wish = a_claim(shop.owner), {"party_id": shop.merchant_id, "amount_fen": amount_fen}
        insist(lambda: ask_payout(shop.owner.actor, claim, **wish))
        return "payouts"


def _intent_of(attempt_id: UUID) -> str | None:
    rows = look("SELECT intent_id FROM payment_attempts WHERE attempt_id = :id", id=attempt_id)
    return rows[0].intent_id if rows else None


def _a_rich_merchant(number: str, amount_fen: int) -> Shop:
    shop = a_merchant_with_shop()
    change(
        "INSERT INTO settlement_accounts (party_kind, party_id, next_on) VALUES ('merchant', :id, '2099-01-01')",
        id=shop.merchant_id,
    )
    account = codes.merchant_available(shop.merchant_id)
    legs = (Leg(codes.BANK_SETTLEMENT, -amount_fen), Leg(account, amount_fen))
    with transaction() as tx:
        ledger.post(tx, Journal(key=f"chaos:{new_id()}", kind=JournalKind.OPENING, legs=legs))
    name_bank_account(
        shop.owner.actor,
        a_claim(shop.owner),
        party_id=shop.merchant_id,
        bank_code="102100099996",
        number=number,
        holder="惠民商户",
        is_automatic=False,
    )
    change("UPDATE bank_accounts SET usable_at = usable_at - interval '2 days' WHERE party_id = :id",
           id=shop.merchant_id)  # fmt: skip
    return shop
