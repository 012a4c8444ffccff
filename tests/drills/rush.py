"""Many for one: the last appointment, the last place of a slot, the one code of a voucher, wanted at once."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from app.usecases.vouchers.spend import redeem_voucher
from tests.factories import a_claim, a_resident, an_address, an_offer
from tests.factories.appointments import a_booking, a_service, in_days
from tests.factories.rows import look_one
from tests.factories.slots import a_shop_with_slots, quoted_for_slot, taken
from tests.factories.vouchers import some_vouchers
from tests.support.invariants import Invariants
from tests.support.races import at_once

if TYPE_CHECKING:
    from flask import Flask


def last_appointment(app: Flask, people: int) -> Counter[str]:
    """Let ``people`` residents want the one provider's one time; return how many got what answer."""
    laws, service, starts_at = Invariants(), a_service(), in_days(2)
    residents = [a_resident() for _ in range(people)]
    wishes = [
        partial(a_booking, service, resident, starts_at, an_address(resident, near=service.shop))
        for resident in residents
    ]

    outcomes = at_once(app, wishes)

    assert look_one("SELECT count(*) FROM appointments WHERE shop_id = :id", id=service.shop.shop_id) == 1
    laws.check()
    return Counter(one.refusal or "won" for one in outcomes)


def last_place(app: Flask, people: int) -> Counter[str]:
    """Let ``people`` residents, all quoted for a slot that takes one order, place; return how many got what answer."""
    laws, starts_at = Invariants(), in_days(2)
    shop = a_shop_with_slots(days_ahead=3)
    offer = an_offer(shop, on_hand=people)
    carts = [quoted_for_slot(shop, a_resident(), offer, starts_at=starts_at) for _ in range(people)]

    outcomes = at_once(app, carts)

    assert taken(shop, starts_at) == look_one("SELECT count(*) FROM orders WHERE shop_id = :id", id=shop.shop_id) == 1
    laws.check()
    return Counter(one.refusal or "won" for one in outcomes)


def one_code(app: Flask, people: int) -> Counter[str]:
    """Let the code of one voucher be scanned ``people`` times at once; return how many got what answer."""
    laws, bought = Invariants(), some_vouchers()
    owner, code = bought.shop.owner, bought.code
    scan = partial(redeem_voucher, owner.actor, shop_id=bought.shop.shop_id, code=code)

    outcomes = at_once(app, [partial(scan, a_claim(owner)) for _ in range(people)])

    assert look_one("SELECT count(*) FROM voucher_uses WHERE voucher_id = :id", id=bought.voucher_ids[0]) == 1
    laws.check()
    return Counter(one.refusal or "won" for one in outcomes)


RUSHES = {
    "the last appointment": (last_appointment, "slot_gone"),
    "the last place of a slot": (last_place, "delivery_slot_full"),
    "one voucher's code": (one_code, "voucher_spent"),
}
"""By name: how it goes, and what all but one are told."""
