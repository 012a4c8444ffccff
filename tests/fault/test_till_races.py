"""Tills under many hands at once: the float, a confirmation, a code and cash on its way go to one of them."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from app.core import ledger
from app.core.accounts.models import MembershipRow
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.tills.states import PaidFrom
from app.kernel.actor import Side
from app.kernel.ids import new_id
from app.kernel.transaction import transaction
from app.usecases.tending_tills import shop_desks
from app.usecases.tending_tills.bills import pay_bill_at_desk
from app.usecases.tending_tills.cash import cash_in, cash_out
from app.usecases.tending_tills.tills import close_till, open_till
from app.usecases.tending_tills.transfers import cancel_cash, receive_cash, send_cash
from app.usecases.tending_tills.visits import begin_visit_by_code, show_desk_code
from tests.factories import a_claim, a_resident, a_store_clerk
from tests.factories.bills import a_bill, a_biller, a_binding, a_desk_quote
from tests.factories.people import signed_in
from tests.factories.rows import look_one, write
from tests.factories.shop_desks import a_rich_shop, a_shop_desk
from tests.factories.tills import a_remittance, a_till, a_visit, store_of
from tests.support.races import at_once

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    import pytest
    from flask import Flask

MANY = 16


def cash_of(till_id: UUID) -> tuple[int, int, int]:
    row = look_one("SELECT cash_fen FROM tills WHERE till_id = :id", id=till_id)
    acts = look_one("SELECT sum(amount_fen)::bigint FROM till_acts WHERE till_id = :id", id=till_id)
    book = look_one(
        "SELECT coalesce(-sum(posted_fen), 0)::bigint FROM ledger.balance WHERE code = :code",
        code=f"till_cash:{till_id}",
    )
    return row, acts, book


def test_the_last_float_goes_to_one_of_many_clerks_and_the_others_are_told(app: Flask) -> None:
    clerks = [a_store_clerk()]
    clerks += [a_store_clerk(store_of(clerks[0])) for _ in range(MANY - 1)]
    till_id = a_till(clerks[0], cash_fen=1_500)
    acts = [
        partial(
            cash_out,
            clerk.actor,
            a_claim(clerk),
            till_id=till_id,
            visit_id=a_visit(clerk, a_resident(balance_fen=1_000), confirmed_fen=1_000),
            amount_fen=1_000,
        )
        for clerk in clerks
    ]

    outcomes = at_once(app, acts)

    assert Counter(outcome.refusal for outcome in outcomes) == {None: 1, "till_short": MANY - 1}
    assert cash_of(till_id) == (500, 500, 500)


def test_one_confirmation_pays_once_at_two_tills(app: Flask) -> None:
    clerk, resident = a_store_clerk(), a_resident(balance_fen=10_000)
    tills = [a_till(clerk, cash_fen=5_000), a_till(clerk, cash_fen=5_000)]
    visit = a_visit(clerk, resident, confirmed_fen=1_000)

    outcomes = at_once(
        app,
        [
            partial(cash_out, clerk.actor, a_claim(clerk), till_id=tills[place % 2], visit_id=visit, amount_fen=1_000)
            for place in range(MANY)
        ],
    )

    assert Counter(outcome.refusal for outcome in outcomes) == {None: 1, "desk_confirmation_needed": MANY - 1}
    assert sum(cash_of(till_id)[0] for till_id in tills) == 9_000


def test_one_quoted_bill_is_paid_once_at_two_tills_and_the_cash_agrees(app: Flask) -> None:
    clerk, resident = a_store_clerk(), a_resident()
    tills = [a_till(clerk), a_till(clerk)]
    binding = a_binding(resident, a_biller(is_part_allowed=True))
    given = {"quote_id": a_desk_quote(resident, binding, a_bill(binding)), "visit_id": a_visit(clerk, resident)}

    outcomes = at_once(
        app,
        [
            partial(pay_bill_at_desk, clerk.actor, a_claim(clerk), till_id=tills[place % 2], **given,
                    amount_fen=5_000, paid_from=PaidFrom.CASH)
            for place in range(8)
        ],
    )  # fmt: skip

    refusals = Counter(outcome.refusal for outcome in outcomes)
    assert refusals[None] == 1
    assert set(refusals) <= {None, "bill_quote_used", "bill_taken"}
    assert sorted(cash_of(till_id) for till_id in tills) == [(0, 0, 0), (5_000, 5_000, 5_000)]


def test_a_code_that_two_clerks_scan_is_served_by_one(app: Flask) -> None:
    clerks, code = [a_store_clerk() for _ in range(4)], show_desk_code(a_resident().actor).code

    outcomes = at_once(app, [partial(begin_visit_by_code, clerk.actor, code=code) for clerk in clerks])

    assert Counter(outcome.refusal for outcome in outcomes) == {None: 1, "desk_code_refused": 3}


def test_a_till_is_opened_by_one(app: Flask) -> None:
    clerks = [a_store_clerk()]
    clerks += [a_store_clerk(store_of(clerks[0])) for _ in range(3)]
    till_id = a_till(clerks[0], is_open=False)

    outcomes = at_once(
        app, [partial(open_till, clerk.actor, a_claim(clerk), till_id=till_id, counted_fen=0) for clerk in clerks]
    )

    assert Counter(outcome.refusal for outcome in outcomes) == {None: 1, "till_open": 3}


def test_cash_on_its_way_arrives_or_comes_back_and_never_both(app: Flask) -> None:
    sender, receiver = a_store_clerk(), a_store_clerk()
    from_till, to_till = a_till(sender, cash_fen=1_000), a_till(receiver)
    transfer = a_remittance(sender, from_till, 600, to_till)

    outcomes = at_once(
        app,
        [
            act
            for _ in range(4)
            for act in (
                partial(cancel_cash, sender.actor, a_claim(sender), transfer_id=transfer),
                partial(receive_cash, receiver.actor, a_claim(receiver), transfer_id=transfer, counted_fen=600),
            )
        ],
    )

    assert Counter(outcome.refusal for outcome in outcomes) == {None: 1, "illegal_transition": 7}
    assert cash_of(from_till)[0] + cash_of(to_till)[0] == 1_000


def test_two_tills_that_send_to_each_other_do_not_wait_for_each_other(app: Flask) -> None:
    one, other = a_store_clerk(), a_store_clerk()
    tills = [a_till(one, cash_fen=1_000), a_till(other, cash_fen=1_000)]

    outcomes = at_once(
        app,
        [
            partial(send_cash, clerk.actor, a_claim(clerk), till_id=mine, to_till_id=theirs, amount_fen=10)
            for _ in range(8)
            for clerk, mine, theirs in ((one, tills[0], tills[1]), (other, tills[1], tills[0]))
        ],
    )

    assert all(outcome.is_done for outcome in outcomes)
    assert [cash_of(till_id) for till_id in tills] == [(920, 920, 920)] * 2


def test_what_is_paid_while_a_till_closes_is_counted_or_refused(app: Flask) -> None:
    clerk = a_store_clerk()
    till_id = a_till(clerk, cash_fen=10_000)
    pays = [
        partial(
            cash_out,
            clerk.actor,
            a_claim(clerk),
            till_id=till_id,
            visit_id=a_visit(clerk, a_resident(balance_fen=100), confirmed_fen=100),
            amount_fen=100,
        )
        for _ in range(8)
    ]
    close = partial(close_till, clerk.actor, a_claim(clerk), till_id=till_id, counted_fen=10_000)

    outcomes = at_once(app, [*pays, close])

    paid = sum(outcome.is_done for outcome in outcomes[:-1])
    assert {outcome.refusal for outcome in outcomes[:-1]} <= {None, "till_not_open"}
    assert outcomes[-1].answer.difference_fen == 100 * paid
    assert cash_of(till_id) == (10_000, 10_000, 10_000)


def a_desk_short_of(missing_fen: int, agent: UUID) -> UUID:
    """Return a shop's desk at which an agent, also of other merchants, closed the till with cash missing."""
    shop = a_rich_shop()
    given = {"organization_kind": "merchant", "organization_id": shop.merchant_id, "role": "clerk"}
    write(MembershipRow, account_id=agent, **given)
    desk = shop_desks.accept_desk(shop.owner.actor, a_claim(shop.owner), desk_id=a_shop_desk(shop), agents=[agent])
    clerk, till_id = signed_in(agent, Side.STORE), desk.till_id
    open_till(clerk.actor, a_claim(clerk), till_id=till_id, counted_fen=0)
    visit_id = a_visit(clerk, store_id=desk.store_id)
    cash_in(clerk.actor, a_claim(clerk), till_id=till_id, visit_id=visit_id, amount_fen=missing_fen)
    close_till(clerk.actor, a_claim(clerk), till_id=till_id, counted_fen=0)
    return desk.desk_id


def end_desk(desk_id: UUID) -> None:
    with transaction() as tx:
        shop_desks.end_desk(tx, desk_id)


def test_what_an_agent_owes_is_paid_by_one_of_two_deposits_that_go_back_at_once(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = a_resident().account_id
    first, second = (a_desk_short_of(100, agent) for _ in range(2))
    legs = (Leg(codes.BANK_SETTLEMENT, -100), Leg(codes.cash_shortage(agent), 100))
    with transaction() as tx:
        ledger.post(tx, Journal(key=f"repaid:{new_id()}", kind=JournalKind.CORRECTION, legs=legs, ref="repaid"))
    shares = shop_desks.shares_of_deposit

    def shares_late(deposit_fen: int, missing: Sequence[tuple[UUID, int]]) -> dict[UUID, int]:
        monkeypatch.setattr(shop_desks, "shares_of_deposit", shares)
        assert at_once(app, [partial(end_desk, first)])[0].is_done
        return shares(deposit_fen, missing)

    monkeypatch.setattr(shop_desks, "shares_of_deposit", shares_late)

    [late] = at_once(app, [partial(end_desk, second)])
    [again] = at_once(app, [partial(end_desk, second)])

    assert (late.refusal, again.refusal) == ("desk_shortage_changed", None)
    assert look_one("SELECT posted_fen FROM ledger.balance WHERE code = :c", c=codes.cash_shortage(agent)) == 0
    assert look_one("SELECT sum(covered_fen) FROM shop_desks WHERE desk_id IN (:a, :b)", a=first, b=second) == 100
