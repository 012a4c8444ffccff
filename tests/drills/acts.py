"""What people of a town can do to each thing that is under way: by what it is, and by what is usual where it stands."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from app.core.aftersale.rules import REMEDIES, Asked, CaseFault, CaseKind, CaseReason, ExchangeWay
from app.core.delivery.states import FailureReason
from app.core.orders.models import CancelReason
from app.core.payments.models import PaymentMethod
from app.usecases.aftersale.answer import (
    agree_to_case,
    dispute_return,
    receive_return,
    reject_case,
    replace_goods,
    take_exchange_back,
)
from app.usecases.aftersale.apply import apply_for_case, escalate_case, send_back, withdraw_case
from app.usecases.aftersale.exchange import (
    confirm_exchange,
    counter_code,
    swap_at_counter,
    swap_code,
)
from app.usecases.aftersale.replace_line import accept_replacement, decline_replacement, offer_replacement
from app.usecases.aftersale.rule import Ruling, rule_case
from app.usecases.appointments.extras import approve_charge, decline_charge, propose_charge
from app.usecases.appointments.visits import (
    cancel_appointment,
    check_in,
    check_in_code,
    finish_service,
    report_absent,
    reschedule,
    set_out,
    withdraw_provider,
)
from app.usecases.delivering.hand_over import (
    deliver,
    dispose,
    door_code,
    fail_delivery,
    pick_up,
    pick_up_code,
    reattempt_delivery,
    return_to_shop,
)
from app.usecases.delivering.trips import arrive_at_stop, claim_trip, give_back_trip
from app.usecases.ordering.accept_order import accept_order
from app.usecases.ordering.cancel_checkout import cancel_checkout
from app.usecases.ordering.cancel_order import (
    agree_to_cancel,
    ask_to_cancel,
    cancel_order,
    refuse_to_cancel,
    reject_order,
)
from app.usecases.ordering.finish_order import collect_at_shop, collect_code, collect_order, confirm_order
from app.usecases.ordering.prepare_order import ready_order, short_order
from app.usecases.paying.pay_checkout import pay_checkout
from app.usecases.settling.refund_completed import refund_order
from app.usecases.vouchers.issue import voucher_code
from app.usecases.vouchers.spend import redeem_voucher, refund_voucher
from tests.drills.town import Act, Town
from tests.factories import a_grant
from tests.factories.photos import a_photo
from tests.factories.rows import look

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from app.kernel.actor import Actor
    from app.kernel.transaction import Claim
    from app.usecases.appointments.visit import VisitStands

Menu = dict[str, Act]

MOVED_BY_THEIR_OWN = frozenset({"voucher", "appointment"})
"""Orders that the shop's kitchen does nothing about."""

USUAL: dict[str, tuple[str, ...]] = {
    "awaiting_payment": (*("pay",) * 8, "pay_wechat", "pay_wechat", "pay_mixed", "cancel_checkout"),
    "awaiting_accept": (*("accept",) * 10, "reject", "cancel"),
    "preparing": (*("ready",) * 5, *("claim",) * 3, "short", "offer", "ask", "agree", "refuse", "cancel"),
    "ready": ("claim", "claim", *("take",) * 4, *("collect",) * 4, "give_back", "wrong_pick_up"),
    "in_delivery": ("at_door", "deliver", "deliver", "fail"),
    "delivery_failed": ("again", "return", "dispose"),
    "delivered": ("confirm", "confirm", "apply", "apply"),
    "completed": ("apply", "apply", "apply", "operator_refund"),
    "visit confirmed": (*("set_out",) * 5, "reschedule", "cancel_visit", "withdraw_provider"),
    "visit en_route": (*("check_in",) * 5, "cancel_visit", "absent"),
    "visit in_service": ("finish", "half_done", "propose"),
    "charge proposed": ("approve", "approve", "decline"),
    "replacement offered": ("accept", "accept", "decline"),
    "voucher issued": (*("redeem",) * 5, "give_voucher_back", "wrong_code"),
    "case applied": ("agree_to_case", "agree_to_case", "reject_case", "reject_case", "withdraw_case"),
    "case rejected": ("escalate", "escalate", "escalate", "withdraw_case", "refund_after_all"),
    "case escalated": ("rule_refund", "rule_refund", "rule_return", "rule_refuse", "withdraw_case"),
    "case returning": ("send_back", "send_back", "send_back", "withdraw_case"),
    "case sent_back": ("receive", "receive", "dispute"),
    "case exchanging": (
        "replace",
        *("claim", "at_shop", "take") * 3,
        *("give_back", "wrong_pick_up", "withdraw_case", "refund_after_all"),
    ),
    "case carried": (
        *("deliver",) * 4,
        *("at_door", "fail", "again", "return", "dispose", "swap_at_store", "swap_at_store", "take_back"),
    ),
    "case swapped": ("receive", "receive", "dispute"),
    "case replaced": ("confirm_exchange", "confirm_exchange", "escalate"),
}
"""Names of acts that are usual in a state; said more often, done more often."""


def on_order(town: Town, row: Any, dice: random.Random) -> Menu:
    """Return all that can be tried on an order."""
    order_id, shop, resident = row.order_id, town.shop(row), town.people[row.account_id]
    by_shop, mine = partial(Act, shop.owner), partial(Act, resident)
    pay = partial(pay_checkout, checkout_id=row.checkout_id)
    grant = a_grant(resident, row.checkout_id) if row.state == "awaiting_payment" else None
    named: dict[str, Any] = {"order_id": order_id}
    menu = {
        "pay": mine(partial(pay, method=PaymentMethod.E_ACCOUNT, step_up_grant=grant)),
        "pay_wechat": mine(partial(pay, method=PaymentMethod.WECHAT_PAY, step_up_grant=None)),
        "pay_mixed": mine(
            partial(pay, method=PaymentMethod.MIXED, step_up_grant=grant, account_part_fen=dice.randint(1, 900))
        ),
        "cancel_checkout": mine(partial(cancel_checkout, checkout_id=row.checkout_id)),
        "accept": by_shop(partial(accept_order, **named)),
        "reject": by_shop(partial(reject_order, reason=CancelReason.OUT_OF_STOCK, **named)),
        "ready": by_shop(partial(ready_order, **named)),
        "short": by_shop(partial(short_order, lines=frozenset({dice.randint(1, 3)}), **named)),
        "agree": by_shop(partial(agree_to_cancel, **named)),
        "refuse": by_shop(partial(refuse_to_cancel, **named)),
        "cancel": mine(partial(cancel_order, **named)),
        "ask": mine(partial(ask_to_cancel, **named)),
        "confirm": mine(partial(confirm_order, **named)),
        "apply": mine(partial(apply_for_case, **named, **_complaint(dice, town.goods.get(row.shop_id, [])))),
        "operator_refund": Act(
            town.operator, partial(refund_order, amount_fen=dice.randint(1, 900), why="PHONE_CALL", **named)
        ),
    }
    code = collect_code(order_id)
    if row.fulfillment == "shop_pickup":
        menu["collect"] = by_shop(partial(collect_at_shop, code=code, **named))
    elif row.fulfillment == "store_pickup":
        menu["collect"] = Act(town.clerk, partial(collect_order, code=code, **named))
    elif row.fulfillment == "delivery":
        menu |= _on_way(town, row, dice)
    offers = town.goods.get(row.shop_id)
    if offers:
        sku_id, line = dice.choice(offers).sku_id, dice.randint(1, 3)
        menu["offer"] = by_shop(partial(offer_replacement, line=line, sku_id=sku_id, quantity=1, **named))
    return menu


def _complaint(dice: random.Random, offers: Sequence[Any]) -> dict[str, Any]:
    reason = dice.choice([*CaseReason, CaseReason.DAMAGED, CaseReason.WRONG_ITEM])
    kinds = sorted(REMEDIES[reason]) if dice.random() < 0.9 else list(CaseKind)
    kind = CaseKind.EXCHANGE if CaseKind.EXCHANGE in kinds and dice.random() < 0.4 else dice.choice(kinds)
    is_exchange = kind is CaseKind.EXCHANGE
    other = dice.choice(offers).sku_id if is_exchange and offers and dice.random() < 0.5 else None
    return {
        "kind": kind,
        "reason": reason,
        "exchange_way": dice.choice(list(ExchangeWay)) if is_exchange else None,
        "lines": [
            Asked(
                line=line,
                quantity=dice.randint(1, 2),
                amount_fen=dice.choice([None, None, 1, 300]),
                exchange_sku_id=other,
            )
            for line in sorted({1, dice.randint(1, 3)})
        ],
        "note": "",
        "evidence": [],
    }


def _on_way(town: Town, row: Any, dice: random.Random, case_id: UUID | None = None) -> Menu:
    found = look(
        """
        SELECT d.delivery_id, d.trip_id, d.pick_up_stop_id, d.drop_stop_id, t.courier_id
        FROM deliveries AS d JOIN trips AS t ON t.trip_id = d.trip_id
        WHERE d.order_id = :id AND d.case_id IS NOT DISTINCT FROM CAST(:case_id AS uuid)
        """,
        id=row.order_id,
        case_id=case_id,
    )
    if not found:
        return {}
    [way] = found
    carrier = next((one for one in town.couriers if one.account_id == way.courier_id), dice.choice(town.couriers))
    by, named = partial(Act, carrier), {"delivery_id": way.delivery_id}
    at_door = dice.random() < 0.5
    counter, door = pick_up_code(row.order_id), door_code(row.order_id)
    if case_id is not None:
        counter, door = counter_code(case_id), swap_code(case_id)
    told: dict[str, Any] = {"code": door if at_door else None}
    told["photo_id"] = None if at_door else a_photo(carrier, row.order_id)
    proof = a_photo(carrier, row.order_id) if dice.random() < 0.5 else None
    return {
        "claim": by(partial(claim_trip, trip_id=way.trip_id)),
        "give_back": by(partial(give_back_trip, trip_id=way.trip_id)),
        "at_shop": by(partial(arrive_at_stop, stop_id=way.pick_up_stop_id)),
        "at_door": by(partial(arrive_at_stop, stop_id=way.drop_stop_id)),
        "take": by(partial(pick_up, code=counter, **named)),
        "wrong_pick_up": by(partial(pick_up, code="nope", **named)),
        "deliver": by(partial(deliver, **named, **told)),
        "fail": by(partial(fail_delivery, reason=dice.choice(list(FailureReason)), photo_id=proof, **named)),
        "again": by(partial(reattempt_delivery, **named)),
        "return": by(partial(return_to_shop, **named)),
        "dispose": by(partial(dispose, **named)),
    }


def on_visit(town: Town, row: Any, dice: random.Random) -> Menu:
    """Return all that can be tried on an appointment, beside what can on its order."""
    by_shop, mine = partial(Act, town.home.owner), partial(Act, town.people[row.account_id])
    named: dict[str, Any] = {"order_id": row.order_id}
    at: dict[str, Any] = {"lat": town.home.lat + 0.001, "lng": town.home.lng}
    later = row.starts_at + timedelta(minutes=30 * dice.randint(-4, 20))
    return {
        "reschedule": mine(partial(reschedule, starts_at=later, **named)),
        "cancel_visit": mine(partial(cancel_appointment, fee_fen=dice.choice([0, 20_000]), **named)),
        "withdraw_provider": by_shop(partial(withdraw_provider, **named)),
        "set_out": by_shop(partial(_set_out_in_time, town, row.starts_at, **named)),
        "check_in": by_shop(partial(check_in, code=check_in_code(row.order_id), **at, **named)),
        "absent": by_shop(partial(report_absent, **at, **named)),
        "finish": by_shop(partial(finish_service, done_percent=100, **named)),
        "half_done": by_shop(partial(finish_service, done_percent=dice.randint(1, 99), **named)),
        "propose": by_shop(partial(propose_charge, amount_fen=dice.randint(1, 5_000), reason="深度清洁", **named)),
    }


def _set_out_in_time(town: Town, starts_at: datetime, actor: Actor, claim: Claim, *, order_id: UUID) -> VisitStands:
    """Set out an hour before the start, when that is: time passes until then."""
    minutes = (starts_at - town.clock.now()).total_seconds() / 60 - 60
    if minutes > 0:
        town.clock.ahead(minutes=minutes)
    return set_out(actor, claim, order_id=order_id)


def on_charge(town: Town, row: Any, _dice: random.Random) -> Menu:
    """Return what a resident does about an extra charge."""
    mine, named = partial(Act, town.people[row.account_id]), {"charge_id": row.charge_id}
    return {"approve": mine(partial(approve_charge, **named)), "decline": mine(partial(decline_charge, **named))}


def on_replacement(town: Town, row: Any, _dice: random.Random) -> Menu:
    """Return what a resident does about an offered replacement."""
    mine, named = partial(Act, town.people[row.account_id]), {"replacement_id": row.replacement_id}
    return {
        "accept": mine(partial(accept_replacement, **named)),
        "decline": mine(partial(decline_replacement, **named)),
    }


def on_voucher(town: Town, row: Any, dice: random.Random) -> Menu:
    """Return all that can be tried on a voucher."""
    code = voucher_code(row.voucher_id)
    uses_left = dice.choice([None, row.uses_left])
    redeem = partial(redeem_voucher, shop_id=row.shop_id)
    return {
        "redeem": Act(town.leisure.owner, partial(redeem, code=code, uses_left=uses_left)),
        "wrong_code": Act(town.leisure.owner, partial(redeem, code=code[::-1])),
        "give_voucher_back": Act(town.people[row.account_id], partial(refund_voucher, voucher_id=row.voucher_id)),
    }


def on_case(town: Town, row: Any, dice: random.Random) -> Menu:
    """Return all that can be tried on an after-sale case."""
    by_shop, mine = partial(Act, town.shop(row).owner), partial(Act, town.people[row.account_id])
    named: dict[str, Any] = {"case_id": row.case_id}
    fault = dice.choice(list(CaseFault))
    less_fen = dice.choice([None, None, 1])
    rule = partial(rule_case, fault=fault, reason="照片为证", **named)
    return {
        **_on_way(town, row, dice, case_id=row.case_id),
        "agree_to_case": by_shop(partial(agree_to_case, is_refund=False, **named)),
        "refund_after_all": by_shop(partial(agree_to_case, is_refund=True, **named)),
        "reject_case": by_shop(partial(reject_case, reason="出库完好", **named)),
        "receive": by_shop(partial(receive_return, is_resalable=dice.random() < 0.5, **named)),
        "dispute": by_shop(partial(dispute_return, reason="空盒", **named)),
        "replace": by_shop(partial(replace_goods, reference="当面", **named)),
        "swap_at_store": Act(town.clerk, partial(swap_at_counter, code=swap_code(row.case_id), **named)),
        "take_back": by_shop(partial(take_exchange_back, reason="没人在家", **named)),
        "withdraw_case": mine(partial(withdraw_case, **named)),
        "escalate": mine(partial(escalate_case, note="有照片", **named)),
        "send_back": mine(partial(send_back, reference="SF-1", **named)),
        "confirm_exchange": mine(partial(confirm_exchange, **named)),
        "rule_refund": Act(town.operator, partial(rule, ruling=Ruling.REFUND, amount_fen=less_fen)),
        "rule_return": Act(town.operator, partial(rule, ruling=Ruling.RETURN)),
        "rule_refuse": Act(town.operator, partial(rule, ruling=Ruling.REFUSE)),
    }
