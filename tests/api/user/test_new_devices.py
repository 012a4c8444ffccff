"""A device that an account has not used before pays less from the e-account in its first 24 hours."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from app.core.accounts.models import CodePurpose
from app.core.payments.models import PaymentMethod
from app.core.verification.limits import CAPS
from app.kernel.actor import Side
from app.usecases.paying.pay_checkout import pay_checkout
from app.usecases.people import codes
from app.usecases.people.codes import Asker
from app.usecases.people.sign_in import SignedIn, sign_in
from tests.factories import (
    Person,
    a_claim,
    a_grant,
    a_merchant_with_shop,
    a_phone,
    a_pin,
    a_placed_checkout,
    a_resident,
    an_address,
    an_offer,
)
from tests.factories.people import PIN
from tests.factories.rows import change, look_one
from tests.support.ladder import assert_problem
from tests.support.races import at_once

if TYPE_CHECKING:
    from uuid import UUID

    from flask import Flask
    from flask.testing import FlaskClient

[CAP_FEN] = [cap.cap_fen for cap in CAPS if cap.is_new_device]
YEAR_FEN = 20_000_000


class Caught:
    """Keeps the code instead of sending it."""

    code = ""

    def send_code(self, *, phone: str, code: str) -> None:
        assert phone
        self.code = code


def signs_in(phone: str, device: str, token: str = "", side: Side = Side.USER) -> SignedIn:
    """Sign in from ``device``; what was done before happened a while ago."""
    caught, asker = Caught(), Asker(phone=phone, device=device, device_token=token)
    codes.send(caught, asker, CodePurpose.SIGN_IN)
    begun = sign_in(asker, code=caught.code, side=side)
    change("UPDATE sign_in_codes SET created_at = created_at - interval '2 minutes'")
    return begun


def is_cooling(begun: SignedIn) -> bool:
    query = "SELECT coalesce(cooling_until > clock_timestamp(), false) FROM sessions WHERE session_id = :id"
    return bool(look_one(query, id=begun.session_id))


def a_day_later(begun: SignedIn) -> None:
    sets = "created_at = created_at - interval '25 hours', cooling_until = cooling_until - interval '25 hours'"
    change(f"UPDATE sessions SET {sets} WHERE account_id = :id", id=begun.account_id)


def placed_for(resident: Person, price_fen: int, count: int) -> list[tuple[UUID, int]]:
    """Return checkouts of one piece each, and what each comes to."""
    shop = a_merchant_with_shop()
    address_id, offer = an_address(resident, near=shop), an_offer(shop, price_fen=price_fen, on_hand=1_000)
    placed = [a_placed_checkout(resident, address_id, [(offer, 1)]) for _ in range(count)]
    return [(one.checkout_id, one.total_fen) for one in placed]


class TestWhichDeviceIsNew:
    def test_the_first_of_an_account_is_not(self, app: Flask) -> None:
        assert app is not None
        assert not is_cooling(signs_in(a_phone(), "first"))

    def test_another_is_for_a_day(self, app: Flask) -> None:
        assert app is not None
        phone = a_phone()
        signs_in(phone, "first")

        second = signs_in(phone, "second")

        assert is_cooling(second)
        a_day_later(second)
        assert not is_cooling(second)

    def test_one_that_proves_itself_is_as_old_as_it_was(self, app: Flask) -> None:
        assert app is not None
        phone = a_phone()
        first = signs_in(phone, "first")
        second = signs_in(phone, "second")

        assert not is_cooling(signs_in(phone, "first", first.device_token))
        assert is_cooling(signs_in(phone, "second", second.device_token))
        a_day_later(second)
        assert not is_cooling(signs_in(phone, "second", second.device_token))

    def test_who_only_knows_the_name_of_a_known_device_is_new(self, app: Flask) -> None:
        assert app is not None
        phone = a_phone()
        signs_in(phone, "iPhone")

        thief = signs_in(phone, "iPhone")

        assert is_cooling(thief)

    def test_signing_in_again_with_what_the_first_sign_in_gave_does_not_make_a_thief_older(self, app: Flask) -> None:
        assert app is not None
        phone = a_phone()
        signs_in(phone, "iPhone")
        thief = signs_in(phone, "iPhone")

        assert is_cooling(signs_in(phone, "iPhone", thief.device_token))


class TestPayFromANewDevice:
    def test_up_to_the_cap_of_a_day_and_then_no_more(self, client: FlaskClient) -> None:
        resident = a_resident(balance_fen=1_000_000)
        a_pin(resident)
        change("UPDATE sessions SET cooling_until = clock_timestamp() + interval '1 hour' WHERE session_id = :id",
               id=resident.session_id)  # fmt: skip
        [(first, first_fen), (second, second_fen)] = placed_for(resident, CAP_FEN // 2 + 1_000, 2)

        def pay(checkout_id: UUID, amount_fen: int) -> Any:
            confirmed = {"checkout_id": str(checkout_id), "amount_fen": amount_fen, "pin": PIN}
            grant = client.post("/user/v1/step-up-grants", headers=resident.headers, json=confirmed).get_json()
            assert grant["is_new_device"]
            body = {"method": "e_account", "step_up_grant": grant["grant_id"]}
            path = f"/user/v1/checkouts/{checkout_id}/payments"
            return client.post(path, headers=resident.once(), json=body)

        assert pay(first, first_fen).status_code == 201
        refused = assert_problem(pay(second, second_fen), 409, "new_device_limit")
        assert (refused["cap_fen"], refused["left_fen"]) == (CAP_FEN, CAP_FEN - first_fen)

    def test_when_the_day_is_over_there_is_room_again(self, client: FlaskClient) -> None:
        resident = a_resident(balance_fen=1_000_000)
        [(checkout_id, _)] = placed_for(resident, CAP_FEN + 1, 1)
        change("UPDATE sessions SET cooling_until = clock_timestamp() - interval '1 second' WHERE session_id = :id",
               id=resident.session_id)  # fmt: skip
        body = {"method": "e_account", "step_up_grant": str(a_grant(resident, checkout_id))}

        paid = client.post(f"/user/v1/checkouts/{checkout_id}/payments", headers=resident.once(), json=body)

        assert paid.status_code == 201

    @pytest.mark.parametrize("brink", ["new device", "year"])
    def test_many_payments_at_once_never_pass_a_cap_by_a_fen(self, app: Flask, brink: str) -> None:
        resident = a_resident(balance_fen=YEAR_FEN)
        is_new, cap, period = (True, CAP_FEN, "day") if brink == "new device" else (False, YEAR_FEN, "year")
        checkouts = placed_for(resident, 1_000, 50)
        total = checkouts[0][1]
        now = look_one("SELECT to_char(business_now() AT TIME ZONE 'Asia/Shanghai', :form)",
                       form="YYYY-MM-DD" if period == "day" else "YYYY")  # fmt: skip
        change("INSERT INTO limit_counters (account_id, period, used_fen) VALUES (:id, :period, :used)",
               id=resident.account_id, period=now, used=cap - 7 * total - 1)  # fmt: skip
        acts = [
            partial(
                pay_checkout,
                resident.actor,
                a_claim(resident),
                checkout_id=checkout_id,
                method=PaymentMethod.E_ACCOUNT,
                step_up_grant=a_grant(resident, checkout_id, is_new_device=is_new),
            )
            for checkout_id, _ in checkouts
        ]

        outcomes = at_once(app, acts)

        refusal = "new_device_limit" if is_new else "payment_limit_exceeded"
        assert [outcome.refusal for outcome in outcomes].count(None) == 7
        assert {outcome.refusal for outcome in outcomes} == {None, refusal}
        used = "SELECT used_fen FROM limit_counters WHERE account_id = :id AND period = :period"
        assert look_one(used, id=resident.account_id, period=now) == cap - 1
