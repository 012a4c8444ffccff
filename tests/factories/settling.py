"""Merchants with a history of money: orders that ended, cheaply, by copying one that went the whole way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from app.core import ledger
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.orders.states import OrderState
from app.core.settlement.models import SettledParty, StatementRow
from app.core.settlement.payouts import PayoutRow
from app.core.settlement.states import PayoutState
from app.kernel.clock import SHANGHAI, business_now
from app.kernel.ids import new_id
from app.kernel.transaction import transaction
from tests.factories.orders import an_order
from tests.factories.rows import change, look, look_one, write

if TYPE_CHECKING:
    from uuid import UUID

    from tests.factories.orders import AnOrder

_OVERRIDDEN = {"order_id", "merchant_id", "number", "goods_fen", "packing_fen", "delivery_fen", "discount_fen",
               "total_fen", "refunded_fen", "left_fen", "commission_fen", "ended_at"}  # fmt: skip


@dataclass(frozen=True)
class History:
    """Copies orders of ``model``: the same resident and shop, another merchant and other sums."""

    model: AnOrder

    @classmethod
    def begin(cls) -> History:
        model = an_order(state=OrderState.COMPLETED)
        change("UPDATE payments SET amount_fen = 100000000 WHERE payment_id = :id", id=model.payment_id)
        return cls(model)

    def earn(self, merchant_id: UUID, *, gross_fen: int, fee_fen: int, promotion_fen: int = 0) -> UUID:
        """Let a merchant complete an order today; its money comes from the bank, and from the platform's coupon."""
        order_id = new_id()
        columns = [
            row.column_name
            for row in look(
                "SELECT column_name FROM information_schema.columns"
                " WHERE table_name = 'orders' AND table_schema = 'public'"
            )
            if row.column_name not in _OVERRIDDEN
        ]
        change(
            f"INSERT INTO orders (order_id, merchant_id, number, goods_fen, packing_fen, delivery_fen, discount_fen,"
            f" total_fen, left_fen, commission_fen, ended_at, {', '.join(columns)})"
            f" SELECT :order_id, :merchant_id, right(CAST(CAST(:order_id AS uuid) AS text), 12), :gross_fen, 0, 0,"
            f" :off_fen, :total_fen, 0, 0, business_now(), {', '.join(columns)} FROM orders WHERE order_id = :model",
            order_id=order_id,
            merchant_id=merchant_id,
            gross_fen=gross_fen,
            off_fen=promotion_fen,
            total_fen=gross_fen - promotion_fen,
            model=self.model.order_id,
        )
        change(
            "WITH open AS (INSERT INTO settlement_accounts (party_kind, party_id, next_on) VALUES ('merchant', :party,"
            " CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date) + 1) ON CONFLICT DO NOTHING)"
            " INSERT INTO settlement_items (order_id, party_kind, party_id, amount_fen, fee_fen, promotion_fen,"
            " eligible_on) VALUES (:order_id, 'merchant', :party, :amount_fen, :fee_fen, :promotion_fen,"
            " CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date) + 1)",
            order_id=order_id,
            party=merchant_id,
            amount_fen=gross_fen - fee_fen,
            fee_fen=fee_fen,
            promotion_fen=promotion_fen,
        )
        legs = {codes.BANK_SETTLEMENT: promotion_fen - gross_fen, codes.PROMOTION_EXPENSE: -promotion_fen,
                codes.merchant_pending(merchant_id): gross_fen - fee_fen, codes.COMMISSION: fee_fen}  # fmt: skip
        with transaction() as tx:
            ledger.post(
                tx,
                Journal(
                    key=f"end:{order_id}",
                    kind=JournalKind.COMPLETION,
                    legs=tuple(Leg(code, fen) for code, fen in legs.items() if fen),
                ),
            )
        return order_id


def a_statement(party_kind: SettledParty, party_id: UUID) -> UUID:
    """Return the id of an empty statement."""
    statement_id = new_id()
    number = look_one(
        "SELECT coalesce(max(number), 0) + 1 FROM statements WHERE party_kind = :kind AND party_id = :id",
        kind=party_kind.value,
        id=party_id,
    )
    with transaction() as tx:
        now = business_now(tx)
    yesterday = now.astimezone(SHANGHAI).date() - timedelta(days=1)
    numbers = {
        column.name: 0 for column in StatementRow.__table__.columns if column.name.endswith(("_fen", "_seq", "_count"))
    }
    write(
        StatementRow,
        statement_id=statement_id,
        party_kind=party_kind.value,
        party_id=party_id,
        number=number,
        period_from=yesterday,
        period_to=yesterday,
        made_at=now,
        **numbers,
    )
    change(
        "INSERT INTO settlement_accounts (party_kind, party_id, next_on, statements_count)"
        " VALUES (:kind, :id, CAST(:yesterday AS date) + 2, :number)"
        " ON CONFLICT (party_kind, party_id) DO UPDATE SET statements_count = excluded.statements_count",
        kind=party_kind.value,
        id=party_id,
        yesterday=yesterday,
        number=number,
    )
    return statement_id


def a_payout(party_kind: SettledParty, party_id: UUID, *, state: PayoutState = PayoutState.REQUESTED) -> UUID:
    """Return the id of a payout that holds no money: enough for what only looks at it."""
    payout_id = new_id()
    with transaction() as tx:
        now = business_now(tx)
    write(
        PayoutRow,
        payout_id=payout_id,
        party_kind=party_kind.value,
        party_id=party_id,
        amount_fen=6_000_000,
        state=state.value,
        tail="8888",
        due_on=now.astimezone(SHANGHAI).date(),
        requested_at=now,
    )
    return payout_id
