"""To which store somebody belongs, and figures that equal what a plain look at the facts says."""

from __future__ import annotations

import csv
import io
import random
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from openpyxl import load_workbook

from app.core import ledger
from app.core.figures.catalog import NAMES, FigureName
from app.core.figures.models import AttributionRow
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.orders.states import OrderState
from app.core.tills.states import PaidFrom
from app.core.verification.models import FaceCheckRow
from app.kernel.clock import wall_now
from app.kernel.ids import new_id
from app.kernel.spreadsheets import csv_file, safe_cell, xlsx_file
from app.kernel.transaction import transaction
from app.usecases.activities.hold import cancel_activity
from app.usecases.attributing.help import name_helper, show_help_code
from app.usecases.attributing.refresh import refresh_figures
from app.usecases.tending_tills.bills import pay_bill_at_desk
from app.usecases.tending_tills.cash import cash_in, cash_out
from app.usecases.tending_tills.sending import send_at_desk
from app.usecases.visiting.samples import code_of, scan_sample
from tests.factories import (
    a_claim,
    a_courier,
    a_merchant_with_shop,
    a_resident,
    a_store_clerk,
    an_address,
    an_offer,
    an_operator,
    an_order,
)
from tests.factories.activities import a_neighbor, a_signup, an_activity
from tests.factories.bills import a_bill, a_binding, a_desk_quote
from tests.factories.parcels import a_parcel
from tests.factories.places import a_community
from tests.factories.rows import change, look, look_one, write
from tests.factories.tills import a_store_manager, a_till, a_visit, store_of
from tests.factories.transfers import a_payee
from tests.factories.visiting import a_sample, a_shop_visit
from tests.support.figures import refresh
from tests.support.ladder import Case, Endpoint, OnceOwned, OnceWithBody, assert_problem
from tests.support.plain_figures import PlainFigures
from tests.support.races import a_seed
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from uuid import UUID

    from flask import Flask
    from flask.testing import FlaskClient

    from tests.factories import Person, Shop

SPAN = {"from_on": "2026-01-01", "until_on": "2026-12-31"}
DAYS = 30


def today() -> date:
    found: date = look_one("SELECT CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date)")
    return found


def some_errands(clerk: Person, till_id: UUID) -> None:
    """Have a bill paid in cash, and money sent from an e-account."""
    payer, sender = a_resident(), a_resident(balance_fen=1_000)
    binding, payee_id = a_binding(payer), a_payee(sender, has_cooled=False)
    bill = {"visit_id": a_visit(clerk, payer), "quote_id": a_desk_quote(payer, binding, a_bill(binding))}
    pay_bill_at_desk(clerk.actor, a_claim(clerk), till_id=till_id, **bill, amount_fen=5_000, paid_from=PaidFrom.CASH)
    known = a_visit(clerk, sender, means="id_card", confirmed_fen=500, confirmed_for=payee_id)
    given = {"till_id": till_id, "visit_id": known, "payee_id": payee_id}
    send_at_desk(clerk.actor, a_claim(clerk), **given, amount_fen=500, paid_from=PaidFrom.E_ACCOUNT)


def some_neighbors(shop: Shop) -> None:
    """Have a resident and a courier helped to sign up, who keep money and fund shares."""
    clerk, day = a_store_clerk(shop.store_id), today()
    resident, courier = a_resident(), a_courier(on_shift=False)
    name_helper(resident.actor, a_claim(resident), code=a_help_code(clerk))
    given = {"party_kind": "courier", "party_id": courier.account_id, "rule": "help", "began_on": day}
    write(AttributionRow, store_id=shop.store_id, **given)
    legs = (Leg(codes.FUND_OMNIBUS, -500), Leg(codes.fund_holding(resident.account_id), 500))
    with transaction() as tx:
        ledger.post(tx, Journal(key=f"gift:{new_id()}", kind=JournalKind.OPENING, legs=legs, effective_on=day))


def some_counter_work(shop: Shop) -> None:
    """Have a person verified, a parcel shelved, an event held, the shop visited twice, and a sample scanned."""
    clerk, resident, now = a_store_clerk(shop.store_id), a_resident(balance_fen=100_000), wall_now()
    check = {"account_id": resident.account_id, "store_id": shop.store_id, "clerk_id": clerk.account_id}
    for state in ("confirmed", "refused"):
        write(FaceCheckRow, **check, face_check_id=new_id(), state=state, opened_at=now, ended_at=now)
    a_parcel(shop)
    event, called_off = an_activity(shop), an_activity(shop)
    cancel_activity(clerk.actor, a_claim(clerk), activity_id=called_off.activity_id)
    signup = a_signup(event.activity_id, a_neighbor(shop))
    change("UPDATE activity_signups SET checked_in_at = business_now() WHERE signup_id = :id", id=signup.signup_id)
    a_shop_visit(shop), a_shop_visit(shop, "in_date")
    offer = an_offer(shop)
    sample = a_sample(shop, offer)
    scan_sample(resident.actor, a_claim(resident), code=code_of(sample.sample_id))
    an_order(shop=shop, resident=resident, state=OrderState.PREPARING, lines=[(offer, 2)])


SHIFTED = (
    ("orders", "order_id", "placed_at, delivered_at, promised_at"),
    ("till_acts", "till_act_id", "done_at"),
    ("face_checks", "face_check_id", "ended_at"),
    ("parcels", "parcel_id", "shelved_at"),
    ("activities", "activity_id", "from_at, until_at"),
    ("activity_signups", "signup_id", "checked_in_at"),
    ("shop_visits", "shop_visit_id", "visited_at"),
)
"""Tables of facts, their keys, and when they happened."""


def scatter(stores: list[UUID], rng: random.Random) -> None:
    """Let what happened at some stores have happened on days of the last thirty, each fact on one of its own."""
    owners = {
        "till_acts": "till_id IN (SELECT till_id FROM tills WHERE store_id = ANY (CAST(:stores AS uuid[])))",
        "activity_signups": "activity_id IN (SELECT activity_id FROM activities"
        " WHERE store_id = ANY (CAST(:stores AS uuid[])))",
    }
    for table, key, instants in SHIFTED:
        owned = owners.get(table, "store_id = ANY (CAST(:stores AS uuid[]))")
        for row in look(f"SELECT {key} AS id FROM {table} WHERE {owned}", stores=stores):
            sets = ", ".join(f"{at} = {at} - make_interval(days => :days)" for at in instants.split(", "))
            change(f"UPDATE {table} SET {sets} WHERE {key} = :id", days=rng.randrange(DAYS), id=row.id)
    change(
        """
        UPDATE sample_scans AS n SET scanned_at = o.placed_at - interval '1 hour',
            day = CAST((o.placed_at - interval '1 hour') AT TIME ZONE 'Asia/Shanghai' AS date)
        FROM orders AS o WHERE o.account_id = n.account_id AND o.store_id = ANY (CAST(:stores AS uuid[]))
        """,
        stores=stores,
    )


def test_every_figure_of_thirty_random_days_equals_the_plain_facts(app: Flask) -> None:
    rng, first = random.Random(a_seed()), today() - timedelta(days=DAYS - 1)
    shops = [a_merchant_with_shop() for _ in range(2)]
    stores = [shop.store_id for shop in shops]
    states = (OrderState.COMPLETED, OrderState.DELIVERED, OrderState.CANCELED, OrderState.PREPARING)
    orders = [an_order(shop=shops[n % 2], state=states[n % 4]) for n in range(8)]
    clerk = a_store_clerk(shops[0].store_id)
    till_id, resident = a_till(clerk, cash_fen=10_000), orders[0].resident
    visit = a_visit(clerk, resident, confirmed_fen=700)
    cash_in(clerk.actor, a_claim(clerk), till_id=till_id, visit_id=visit, amount_fen=900)
    cash_out(clerk.actor, a_claim(clerk), till_id=till_id, visit_id=visit, amount_fen=700)
    some_errands(clerk, till_id)
    some_neighbors(shops[0])
    some_counter_work(shops[1])
    run_worker(app)
    scatter(stores, rng)
    change("UPDATE orders SET refunded_fen = 150 WHERE order_id = :id", id=orders[1].order_id)
    for order in orders:
        legs = (Leg(codes.BANK_SETTLEMENT, -77), Leg(codes.e_account(order.resident.account_id), 77))
        day = first + timedelta(days=rng.randrange(DAYS))
        with transaction() as tx:
            ledger.post(tx, Journal(key=f"gift:{new_id()}", kind=JournalKind.OPENING, legs=legs, effective_on=day))

    refresh(first)

    plain = PlainFigures(stores)
    for store_id in stores:
        rows = look("SELECT * FROM store_days WHERE store_id = :id AND day >= :first", id=store_id, first=first)
        kept = {row.day: {name: getattr(row, name) for name in NAMES} for row in rows}
        for day in (first + timedelta(days=n) for n in range(DAYS)):
            assert kept[day] == plain.of(store_id, day), day
    assert {name for name in NAMES if all(row[name] == 0 for row in plain.found.values())} == set()


def test_days_that_a_worker_slept_through_are_made_when_it_wakes(app: Flask) -> None:
    shop = a_merchant_with_shop()
    visit = a_shop_visit(shop)
    refresh()
    change("UPDATE figure_marks SET day = day - 3")
    change(
        "UPDATE shop_visits SET visited_at = visited_at - interval '2 days' WHERE shop_visit_id = :id",
        id=visit.shop_visit_id,
    )

    refresh_figures()

    counted = "SELECT shop_visits FROM store_days WHERE store_id = :s AND day = :d"
    assert look_one(counted, s=shop.store_id, d=today() - timedelta(days=2)) == 1


def test_what_happens_to_an_old_order_makes_its_day_anew_and_nothing_else(app: Flask) -> None:
    order = an_order(state=OrderState.PREPARING)
    run_worker(app)
    day = today() - timedelta(days=400)
    change("UPDATE orders SET placed_at = placed_at - interval '400 days' WHERE order_id = :id", id=order.order_id)
    refresh()
    other = look_one("SELECT min(refreshed_at) FROM store_days WHERE day = :day", day=day)

    run_worker(app)
    refresh()

    assert look_one("SELECT min(refreshed_at) FROM store_days WHERE day = :day", day=day) == other
    kept = look_one("SELECT orders_paid FROM store_days WHERE store_id = :s AND day = :d", s=order.shop.store_id, d=day)
    assert kept == 1


def test_the_names_of_figures_are_those_of_the_catalog() -> None:
    assert [name.value for name in FigureName] == list(NAMES)


class TestFigureNames(Endpoint):
    def case(self) -> Case:
        return Case(a_store_clerk(), "/store/v1/figure-names")


class TestStoreFigures(Endpoint):
    def case(self) -> Case:
        return Case(a_store_clerk(), "/store/v1/store-figures", query=SPAN)

    def test_a_clerk_sees_the_own_store_and_an_operator_all_with_targets_and_places(self, client: FlaskClient) -> None:
        order, operator = an_order(state=OrderState.PREPARING), an_operator()
        refresh()
        day, store_id = today(), order.shop.store_id
        span = f"from_on={day}&until_on={day}"
        target = {"month": f"{day:%Y-%m}-01", "figure": "orders_paid", "target": 500}
        client.put(f"/platform/v1/stores/{store_id}/target", json=target, headers=operator.once())

        own = client.get(f"/store/v1/store-figures?{span}", headers=a_store_clerk(store_id).headers).get_json()
        every = client.get(f"/platform/v1/store-figures?{span}", headers=operator.headers).get_json()

        [mine] = own["items"]
        assert (mine["store_id"], mine["figures"]["orders_paid"]) == (str(store_id), 1)
        assert mine["targets"] == {"orders_paid": 500}
        assert len(every["items"]) > 1
        assert {item["places"]["orders_paid"] for item in every["items"]} >= {1}

    @pytest.mark.parametrize(
        "span", ["from_on=2026-02-01&until_on=2026-01-31", "from_on=2025-01-01&until_on=2026-01-03"]
    )
    def test_a_span_ends_after_it_begins_and_within_a_year(self, client: FlaskClient, span: str) -> None:
        answer = client.get(f"/store/v1/store-figures?{span}", headers=a_store_clerk().headers)

        assert_problem(answer, 422, "span_invalid", pointer="/until_on")

    def test_files_hold_a_row_for_each_day(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.PREPARING)
        refresh()
        clerk, span = a_store_clerk(order.shop.store_id), f"from_on={today()}&until_on={today()}"

        files = [
            client.get(f"/store/v1/store-figures?{span}&format={kind}", headers=clerk.headers).data
            for kind in ("csv", "xlsx")
        ]

        rows = list(csv.DictReader(io.StringIO(files[0].decode("utf-8-sig"))))
        sheet = load_workbook(io.BytesIO(files[1]), read_only=True).active
        assert [row["orders_paid"] for row in rows] == ["1"]
        assert sheet is not None
        assert [cell.value for cell in list(sheet.rows)[1]][1] == str(order.shop.store_id)


@pytest.mark.parametrize("word", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\n=1", "＝1", "＠A1"])
def test_no_cell_is_taken_for_a_formula(word: str) -> None:
    assert safe_cell(word) == f"'{word}"
    assert f"'{word}" in csv_file([["name"], [word]]).decode()
    sheet = load_workbook(io.BytesIO(xlsx_file("table", [["name"], [word]]))).active
    assert sheet is not None
    assert sheet["A2"].data_type == "s"
    assert safe_cell(-1) == -1


class TestStoreChart(Endpoint):
    def case(self) -> Case:
        return Case(a_store_clerk(), "/store/v1/store-charts", query={**SPAN, "figure": "orders_paid"})

    def test_a_line_has_a_value_for_each_day(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.PREPARING)
        refresh()
        clerk, span = a_store_clerk(order.shop.store_id), f"from_on={today() - timedelta(days=2)}&until_on={today()}"

        chart = client.get(f"/store/v1/store-charts?{span}&figure=orders_paid", headers=clerk.headers).get_json()

        assert len(chart["days"]) == 3
        assert [line["values"] for line in chart["series"]] == [[0, 0, 1]]


class TestPlatformFigureNames(Endpoint):
    def case(self) -> Case:
        return Case(an_operator(), "/platform/v1/figure-names")


class TestPlatformChart(Endpoint):
    def case(self) -> Case:
        return Case(an_operator(), "/platform/v1/store-charts", query={**SPAN, "figure": "cash_in_fen"})


class TestTarget(OnceWithBody):
    method = "PUT"
    other_body = {"target": 2}

    def case(self) -> Case:
        body = {"month": "2026-11-01", "figure": "orders_paid", "target": 1}
        return Case(an_operator(), f"/platform/v1/stores/{a_community().store_id}/target", body)

    def test_a_month_is_named_by_its_first_day_of_a_store_that_there_is(self, client: FlaskClient) -> None:
        case = self.case()

        second = self.send(client, case, body={**(case.body or {}), "month": "2026-11-02"})

        assert_problem(second, 422, "span_invalid", pointer="/month")
        assert_problem(self.send(client, case, path=case.absent_path), 404, "store_not_found")


class TestShowHelp(Endpoint):
    method = "POST"
    status = 201

    def case(self) -> Case:
        clerk = a_store_clerk()
        return Case(clerk, "/store/v1/help-codes", {"store_id": str(store_of(clerk))})

    def test_for_anothers_store_there_is_no_code(self, client: FlaskClient) -> None:
        case = Case(a_store_clerk(), "/store/v1/help-codes", {"store_id": str(a_community().store_id)})

        assert_problem(self.send(client, case), 404, "store_not_found")


def a_help_code(clerk: Person | None = None) -> str:
    clerk = clerk or a_store_manager()
    return show_help_code(clerk.actor, store_id=store_of(clerk)).code


class TestNameHelper(OnceWithBody):
    def case(self) -> Case:
        self.other_body = {"code": a_help_code()}
        return Case(a_resident(), "/user/v1/helped-by", {"code": a_help_code()})

    def test_help_comes_before_the_community_and_moves_the_figures(self, client: FlaskClient) -> None:
        resident, clerk, community = a_resident(balance_fen=500), a_store_clerk(), a_community()
        an_address(resident, near=community)
        refresh()
        before = figures(community.store_id)
        body = {"code": a_help_code(clerk)}

        client.post("/user/v1/helped-by", json=body, headers=resident.once())
        refresh()

        assert (before["residents_new"], before["deposits_fen"]) == (1, 500)
        assert figures(community.store_id)["residents_new"] == 0
        mine = figures(store_of(clerk))
        assert (mine["residents_new"], mine["helped_new"], mine["deposits_fen"]) == (1, 1, 500)

    def test_a_code_is_good_once_and_one_names_once_and_within_seven_days(self, client: FlaskClient) -> None:
        code, first, second, old = a_help_code(), a_resident(), a_resident(), a_resident()
        change(
            "UPDATE accounts SET created_at = created_at - interval '8 days' WHERE account_id = :a", a=old.account_id
        )

        def name(person: Person, code: str) -> Any:
            return client.post("/user/v1/helped-by", json={"code": code}, headers=person.once())

        assert name(first, code).status_code == 200
        assert_problem(name(second, code), 409, "help_code_refused", pointer="/code")
        assert_problem(name(first, a_help_code()), 409, "help_too_late")
        assert_problem(name(old, a_help_code()), 409, "help_too_late")


def figures(store_id: UUID) -> dict[str, int]:
    [row] = look("SELECT * FROM store_days WHERE store_id = :id AND day = :day", id=store_id, day=today())
    return {name: getattr(row, name) for name in NAMES}


class TestNameShopsHelper(OnceOwned):
    absent_code = "shop_not_found"

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        return Case(shop.owner, f"/merchant/v1/shops/{shop.shop_id}/helped-by", {"code": a_help_code()})
