"""Flows of settlement, payouts, refunds of completed orders, corrections and reconciliation."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from app.adapters.sandbox_bank import work_once
from app.core import ledger
from app.core.accounts.models import PLATFORM_ID, MemberRole, OrganizationKind
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.orders.states import OrderState
from app.core.payments.balance_files import balance_file
from app.core.payments.reconciliation import Source
from app.core.settlement.payouts import ALONE_FEN_MAX
from app.kernel.actor import Side
from app.kernel.ids import new_id
from app.kernel.transaction import transaction
from app.usecases.deciding.approvals import approve, reject
from app.usecases.deciding.requests import Correction, ask_correction, ask_payout_release, ask_resolution
from app.usecases.reconciling.reconcile import reconcile
from app.usecases.settling.depart import depart
from app.usecases.settling.pay_out import ask_payout, name_bank_account, pay_out_automatically
from app.usecases.settling.refund_completed import refund_order
from app.usecases.settling.settle import settle_due
from app.usecases.settling.terms import top_up_deposit
from app.worker.bank import look_after_bank
from tests.factories import AnOrder, a_claim, a_merchant_with_shop, an_order
from tests.factories.people import Person, a_member
from tests.factories.reconciling import an_unreported_day
from tests.factories.rows import change, look_one

if TYPE_CHECKING:
    from tests.crash_points.paying import Act
    from tests.crash_points.stage import Stage
    from tests.factories import Shop

MONDAY = datetime(2026, 11, 23, 2, tzinfo=UTC)


def _staff(role: MemberRole) -> Person:
    return a_member(Side.PLATFORM, OrganizationKind.PLATFORM, PLATFORM_ID, role)


def _give(code: str, amount_fen: int) -> None:
    legs = (Leg(codes.BANK_SETTLEMENT, -amount_fen), Leg(code, amount_fen))
    with transaction() as tx:
        ledger.post(tx, Journal(key=f"test:{new_id()}", kind=JournalKind.OPENING, legs=legs))


def _rich_merchant(
    stage: Stage, *, fen: int = 10_000, number: str = "6222020200001234", automatic: bool = False
) -> Shop:
    stage.clock.at(MONDAY)
    shop = a_merchant_with_shop()
    change(
        "INSERT INTO settlement_accounts (party_kind, party_id, next_on) VALUES ('merchant', :id, '2099-01-01')",
        id=shop.merchant_id,
    )
    _give(codes.merchant_available(shop.merchant_id), fen)
    name_bank_account(
        shop.owner.actor,
        a_claim(shop.owner),
        party_id=shop.merchant_id,
        bank_code="102100099996",
        number=number,
        holder="惠民商户",
        is_automatic=automatic,
    )
    change("UPDATE bank_accounts SET usable_at = usable_at - interval '2 days' WHERE party_id = :id",
           id=shop.merchant_id)  # fmt: skip
    return shop


def a_payout_is_asked_for(stage: Stage) -> Act:
    shop = _rich_merchant(stage)
    claim = a_claim(shop.owner)
    return lambda: stage.once(ask_payout, shop.owner.actor, claim, party_id=shop.merchant_id, amount_fen=7_000)


def a_payout_by_itself(stage: Stage) -> Act:
    _rich_merchant(stage, automatic=True)
    return lambda: pay_out_automatically(100)


def _sent_to_the_bank(number: str) -> object:
    def arrange(stage: Stage) -> Act:
        stage.clock.at(MONDAY)
        _a_day_at_the_bank(stage)  # what other flows have left
        shop = _rich_merchant(stage, number=number)
        ask_payout(shop.owner.actor, a_claim(shop.owner), party_id=shop.merchant_id, amount_fen=7_000)

        return lambda: _a_day_at_the_bank(stage)

    return arrange


def _a_day_at_the_bank(stage: Stage) -> None:
    for _ in range(2):
        look_after_bank(stage.folder)
        work_once(stage.folder)


a_payout_that_is_paid = _sent_to_the_bank("6222020200001234")
a_payout_that_fails = _sent_to_the_bank("6222020200000001")
a_payout_that_comes_back = _sent_to_the_bank("6222020200000003")


def a_file_of_the_bank_that_is_refused(stage: Stage) -> Act:
    content = f"nonsense {new_id()}".encode()

    def act() -> None:
        (stage.folder / "in").mkdir(parents=True, exist_ok=True)
        if not (stage.folder / "refused" / "answer.csv").exists():
            (stage.folder / "in" / "answer.csv").write_bytes(content)
        look_after_bank(stage.folder)

    (stage.folder / "refused" / "answer.csv").unlink(missing_ok=True)
    return act


def a_statement(stage: Stage) -> Act:
    order = an_order(state=OrderState.COMPLETED)
    stage.clock.ahead(days=1)
    assert order.courier is not None
    only = [order.shop.merchant_id, order.courier.account_id]
    return lambda: settle_due(only=only)


def _refund(order: AnOrder, stage: Stage) -> Act:
    operator = _staff(MemberRole.ADMIN)
    claim = a_claim(operator)
    return lambda: stage.once(
        refund_order, operator.actor, claim, order_id=order.order_id, amount_fen=700, why="CASE-1"
    )


def a_refund_before_its_statement(stage: Stage) -> Act:
    return _refund(an_order(state=OrderState.COMPLETED), stage)


def a_refund_after_its_statement(stage: Stage) -> Act:
    order = an_order(state=OrderState.COMPLETED)
    stage.clock.ahead(days=1)
    settle_due(only=[order.shop.merchant_id])
    return _refund(order, stage)


def a_deposit(stage: Stage) -> Act:
    shop = _rich_merchant(stage)
    claim = a_claim(shop.owner)
    return lambda: stage.once(top_up_deposit, shop.owner.actor, claim, merchant_id=shop.merchant_id, amount_fen=500)


def a_deposit_that_goes_back(stage: Stage) -> Act:
    shop = _rich_merchant(stage)
    _give(codes.merchant_deposit(shop.merchant_id), 5_000)
    change("UPDATE merchants SET created_at = created_at - interval '2 years' WHERE merchant_id = :id",
           id=shop.merchant_id)  # fmt: skip
    depart(shop.owner.actor, a_claim(shop.owner), merchant_id=shop.merchant_id)
    claim = a_claim(shop.owner)
    return lambda: stage.once(depart, shop.owner.actor, claim, merchant_id=shop.merchant_id)


def _decided(stage: Stage, approval_id: UUID, *, is_approved: bool = True) -> Act:
    decider = _staff(MemberRole.ADMIN)
    claim = a_claim(decider)
    return lambda: stage.once(approve if is_approved else reject, decider.actor, claim, approval_id=approval_id)


def a_correction(stage: Stage) -> Act:
    asker, to_account = _staff(MemberRole.FINANCE), codes.merchant_available(new_id())
    _give(to_account, 1)  # corrections know accounts that there are
    wish = Correction(from_account=codes.PLATFORM_LOSS, to_account=to_account, amount_fen=900)
    asked = ask_correction(asker.actor, a_claim(asker), why="CASE-1", wish=wish)
    return _decided(stage, asked.approval_id)


def _a_large_payout(stage: Stage, *, is_approved: bool) -> Act:
    shop, asker = _rich_merchant(stage, fen=ALONE_FEN_MAX + 1), _staff(MemberRole.FINANCE)
    payout = ask_payout(shop.owner.actor, a_claim(shop.owner), party_id=shop.merchant_id, amount_fen=ALONE_FEN_MAX + 1)
    asked = ask_payout_release(asker.actor, a_claim(asker), why="INVOICE-1", payout_id=payout.payout_id)
    return _decided(stage, asked.approval_id, is_approved=is_approved)


def a_large_payout_that_is_released(stage: Stage) -> Act:
    return _a_large_payout(stage, is_approved=True)


def a_large_payout_that_is_rejected(stage: Stage) -> Act:
    return _a_large_payout(stage, is_approved=False)


def _a_strange_line() -> tuple[date, list[str]]:
    day = an_unreported_day()
    return day, [*balance_file("stripe", day, [(f"txn_{new_id().hex}", "payment", f"pi_{new_id().hex}", 1_234, 7)])]


def a_daily_file_with_a_strange_line(_stage: Stage) -> Act:
    day, lines = _a_strange_line()
    return lambda: reconcile(Source.STRIPE, day, lines)


def a_strange_line_that_is_written_off(stage: Stage) -> Act:
    day, lines = _a_strange_line()
    reconcile(Source.STRIPE, day, lines)
    item_id = look_one("SELECT item_id FROM recon_items WHERE day = :day", day=day)
    asker = _staff(MemberRole.FINANCE)
    asked = ask_resolution(asker.actor, a_claim(asker), why="CASE-1", item_id=item_id)
    return _decided(stage, asked.approval_id)


FLOWS = (
    ("a_payout_is_asked_for", a_payout_is_asked_for),
    ("a_payout_by_itself", a_payout_by_itself),
    ("a_payout_that_is_paid", a_payout_that_is_paid),
    ("a_payout_that_fails", a_payout_that_fails),
    ("a_payout_that_comes_back", a_payout_that_comes_back),
    ("a_file_of_the_bank_that_is_refused", a_file_of_the_bank_that_is_refused),
    ("a_statement", a_statement),
    ("a_refund_before_its_statement", a_refund_before_its_statement),
    ("a_refund_after_its_statement", a_refund_after_its_statement),
    ("a_deposit", a_deposit),
    ("a_deposit_that_goes_back", a_deposit_that_goes_back),
    ("a_correction", a_correction),
    ("a_large_payout_that_is_released", a_large_payout_that_is_released),
    ("a_large_payout_that_is_rejected", a_large_payout_that_is_rejected),
    ("a_daily_file_with_a_strange_line", a_daily_file_with_a_strange_line),
    ("a_strange_line_that_is_written_off", a_strange_line_that_is_written_off),
)
