"""Flows of after-sale cases, vouchers, visits and tills."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.aftersale.rules import CaseKind, ExchangeWay
from app.core.aftersale.states import CaseState
from app.core.delivery.states import DeliveryState
from app.core.orders.states import OrderState
from app.core.tills.states import PaidFrom
from app.usecases.aftersale.answer import agree_to_case
from app.usecases.aftersale.exchange import swap_code
from app.usecases.aftersale.replace_line import accept_replacement, offer_replacement
from app.usecases.appointments.visits import finish_service
from app.usecases.deciding.approvals import approve
from app.usecases.deciding.requests import ask_desk_end
from app.usecases.delivering.hand_over import deliver, return_to_shop
from app.usecases.tending_tills.bills import pay_bill_at_desk
from app.usecases.tending_tills.cash import cash_in
from app.usecases.tending_tills.sending import send_at_desk
from app.usecases.tending_tills.shop_desks import accept_desk
from app.usecases.tending_tills.tills import close_till, open_till
from app.usecases.tending_tills.transfers import cancel_cash, receive_cash, send_cash, supply_till
from app.usecases.vouchers.spend import redeem_voucher
from tests.factories import (
    a_claim,
    a_merchant_with_shop,
    a_resident,
    a_store_clerk,
    an_offer,
    an_operator,
    an_order,
)
from tests.factories import appointments as visiting
from tests.factories.bills import a_bill, a_binding, a_desk_quote
from tests.factories.cases import a_case, an_exchange_trip
from tests.factories.rows import look_one
from tests.factories.shop_desks import a_rich_shop, a_shop_desk, an_active_desk
from tests.factories.tills import a_remittance, a_store_manager, a_supply, a_till, a_visit
from tests.factories.transfers import a_payee
from tests.factories.vouchers import some_vouchers

if TYPE_CHECKING:
    from tests.crash_points.paying import Act
    from tests.crash_points.stage import Stage


def a_case_that_is_refunded(stage: Stage) -> Act:
    case = a_case()
    owner = case.order.shop.owner
    claim = a_claim(owner)
    return lambda: stage.once(agree_to_case, owner.actor, claim, case_id=case.case_id, is_refund=True)


def a_replacement_that_costs_less(stage: Stage) -> Act:
    shop = a_merchant_with_shop()
    milk, other = an_offer(shop, on_hand=10), an_offer(shop, on_hand=10)
    order = an_order(shop=shop, lines=[(milk, 2), (other, 1)], state=OrderState.PREPARING)
    instead = an_offer(shop, on_hand=5, price_fen=600)
    find = "SELECT line FROM order_lines WHERE order_id = :id AND sku_id = :sku"
    offered = offer_replacement(
        shop.owner.actor,
        a_claim(shop.owner),
        order_id=order.order_id,
        line=look_one(find, id=order.order_id, sku=milk.sku_id),
        sku_id=instead.sku_id,
        quantity=2,
    )
    claim, replacement_id = a_claim(order.resident), offered.replacement_id
    return lambda: stage.once(accept_replacement, order.resident.actor, claim, replacement_id=replacement_id)


def an_exchange_at_the_door(stage: Stage) -> Act:
    """The courier who brings the new piece earns its carriage, which the merchant bears."""
    case = a_case(kind=CaseKind.EXCHANGE, state=CaseState.EXCHANGING, quantity=2, exchange_way=ExchangeWay.COURIER)
    trip = an_exchange_trip(case, state=DeliveryState.PICKED_UP)
    claim, code = a_claim(trip.courier), swap_code(case.case_id)
    return lambda: stage.once(
        deliver, trip.courier.actor, claim, delivery_id=trip.delivery_id, code=code, photo_id=None
    )


def an_exchange_that_comes_back(stage: Stage) -> Act:
    """Nobody opened: the way is paid by the platform, and the new piece is reserved at the shop again."""
    case = a_case(kind=CaseKind.EXCHANGE, state=CaseState.EXCHANGING, exchange_way=ExchangeWay.COURIER)
    trip = an_exchange_trip(case, state=DeliveryState.FAILED)
    claim = a_claim(trip.courier)
    return lambda: stage.once(return_to_shop, trip.courier.actor, claim, delivery_id=trip.delivery_id)


def a_voucher_that_is_used(stage: Stage) -> Act:
    vouchers = some_vouchers(uses=2)
    owner, claim, code = vouchers.shop.owner, a_claim(vouchers.shop.owner), vouchers.code
    return lambda: stage.once(redeem_voucher, owner.actor, claim, shop_id=vouchers.shop.shop_id, code=code)


def a_service_that_is_done_in_part(stage: Stage) -> Act:
    visit = visiting.a_visit(state="in_service")
    owner, claim = visit.owner, a_claim(visit.owner)
    return lambda: stage.once(finish_service, owner.actor, claim, order_id=visit.order_id, done_percent=50)


def cash_at_the_desk(stage: Stage) -> Act:
    clerk, resident = a_store_clerk(), a_resident()
    given = {"till_id": a_till(clerk), "visit_id": a_visit(clerk, resident), "amount_fen": 500}
    claim = a_claim(clerk)
    return lambda: stage.once(cash_in, clerk.actor, claim, **given)


def a_bill_at_the_desk(stage: Stage) -> Act:
    clerk, resident = a_store_clerk(), a_resident()
    binding = a_binding(resident)
    quote_id = a_desk_quote(resident, binding, a_bill(binding))
    given = {"till_id": a_till(clerk), "visit_id": a_visit(clerk, resident), "quote_id": quote_id}
    claim = a_claim(clerk)
    return lambda: stage.once(pay_bill_at_desk, clerk.actor, claim, **given, amount_fen=5_000, paid_from=PaidFrom.CASH)


def a_shop_that_becomes_a_desk(stage: Stage) -> Act:
    shop = a_rich_shop()
    desk_id, claim = a_shop_desk(shop), a_claim(shop.owner)
    agents = [shop.owner.account_id]
    return lambda: stage.once(accept_desk, shop.owner.actor, claim, desk_id=desk_id, agents=agents)


def a_desk_of_a_shop_that_ends(stage: Stage) -> Act:
    shop = a_rich_shop()
    desk_id = an_active_desk(shop).desk_id
    asker, decider = an_operator(), an_operator()
    asked = ask_desk_end(asker.actor, a_claim(asker), desk_id=desk_id, why="moves away")
    claim = a_claim(decider)
    return lambda: stage.once(approve, decider.actor, claim, approval_id=asked.approval_id)


def money_sent_at_the_desk(stage: Stage) -> Act:
    clerk, resident = a_store_clerk(), a_resident(balance_fen=1_000)
    payee_id = a_payee(resident, has_cooled=False)
    visit_id = a_visit(clerk, resident, means="id_card", confirmed_fen=500, confirmed_for=payee_id)
    given = {"till_id": a_till(clerk), "visit_id": visit_id, "payee_id": payee_id}
    claim = a_claim(clerk)
    return lambda: stage.once(send_at_desk, clerk.actor, claim, **given, amount_fen=500, paid_from=PaidFrom.E_ACCOUNT)


def a_till_that_opens_with_too_little(stage: Stage) -> Act:
    manager = a_store_manager()
    till_id = a_till(manager, cash_fen=1_000)
    close_till(manager.actor, a_claim(manager), till_id=till_id, counted_fen=1_000)
    claim, given = a_claim(manager), {"till_id": till_id, "counted_fen": 900, "is_difference_accepted": True}
    return lambda: stage.once(open_till, manager.actor, claim, **given)


def a_till_that_closes_with_too_little(stage: Stage) -> Act:
    clerk = a_store_clerk()
    till_id, claim = a_till(clerk, cash_fen=1_000), a_claim(clerk)
    return lambda: stage.once(close_till, clerk.actor, claim, till_id=till_id, counted_fen=900)


def cash_that_is_sent(stage: Stage) -> Act:
    clerk = a_store_clerk()
    till_id, claim = a_till(clerk, cash_fen=1_000), a_claim(clerk)
    return lambda: stage.once(send_cash, clerk.actor, claim, till_id=till_id, amount_fen=500, to_till_id=None)


def cash_from_the_bank(stage: Stage) -> Act:
    operator, till_id = an_operator(), a_till(a_store_clerk())
    claim = a_claim(operator)
    return lambda: stage.once(supply_till, operator.actor, claim, to_till_id=till_id, amount_fen=500)


def cash_that_comes(stage: Stage) -> Act:
    clerk = a_store_clerk()
    transfer_id, claim = a_supply(a_till(clerk), 500), a_claim(clerk)
    return lambda: stage.once(receive_cash, clerk.actor, claim, transfer_id=transfer_id, counted_fen=500)


def cash_that_is_taken_back(stage: Stage) -> Act:
    clerk = a_store_clerk()
    transfer_id, claim = a_remittance(clerk, a_till(clerk, cash_fen=1_000), 500), a_claim(clerk)
    return lambda: stage.once(cancel_cash, clerk.actor, claim, transfer_id=transfer_id)


FLOWS = (
    a_case_that_is_refunded,
    a_replacement_that_costs_less,
    an_exchange_at_the_door,
    an_exchange_that_comes_back,
    a_voucher_that_is_used,
    a_service_that_is_done_in_part,
    cash_at_the_desk,
    a_bill_at_the_desk,
    money_sent_at_the_desk,
    a_shop_that_becomes_a_desk,
    a_desk_of_a_shop_that_ends,
    a_till_that_opens_with_too_little,
    a_till_that_closes_with_too_little,
    cash_that_is_sent,
    cash_from_the_bank,
    cash_that_comes,
    cash_that_is_taken_back,
)
