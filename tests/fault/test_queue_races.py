"""The queue of a store under many hands at once: one number each, one call each, one place each."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

from app.core.catalog.slots import slots_of
from app.core.queueing.states import TicketTopic
from app.kernel.clock import business_now
from app.kernel.transaction import transaction
from app.usecases.queueing.call import call_next
from app.usecases.queueing.desk import slot_rule
from app.usecases.queueing.take import book_slot, cancel_ticket, take_ticket
from tests.factories import a_claim, a_resident, a_store_clerk
from tests.factories.queueing import ALWAYS, a_ticket, an_open_desk
from tests.factories.rows import look
from tests.factories.tills import store_of
from tests.support.races import at_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

MANY = 12


def test_who_take_a_ticket_at_once_get_numbers_without_a_gap(app: Flask) -> None:
    store_id = store_of(an_open_desk())
    people = [a_resident() for _ in range(MANY)]

    outcomes = at_once(
        app,
        [partial(take_ticket, one.actor, a_claim(one), store_id=store_id, topic=TicketTopic.CASH) for one in people],
    )

    numbers = look("SELECT number FROM desk_tickets WHERE store_id = :s ORDER BY number", s=store_id)
    assert all(outcome.is_done for outcome in outcomes)
    assert [row.number for row in numbers] == list(range(1, MANY + 1))


def test_clerks_who_call_at_once_call_one_each_and_the_last_ticket_goes_to_one(app: Flask) -> None:
    store_id = store_of(an_open_desk())
    clerks, waiting = [a_store_clerk(store_id) for _ in range(MANY)], [a_ticket(store_id) for _ in range(MANY // 2)]

    outcomes = at_once(app, [partial(call_next, one.actor, a_claim(one), store_id=store_id) for one in clerks])

    assert Counter(outcome.refusal for outcome in outcomes) == {None: MANY // 2, "nobody_waits": MANY // 2}
    called = look("SELECT ticket_id, clerk_id FROM desk_tickets WHERE store_id = :s AND state = 'called'", s=store_id)
    assert {row.ticket_id for row in called} == {ticket.ticket_id for ticket in waiting}
    assert len({row.clerk_id for row in called}) == len(called)


def test_one_clerk_at_many_screens_calls_one(app: Flask) -> None:
    clerk = an_open_desk()
    store_id = store_of(clerk)
    for _ in range(4):
        a_ticket(store_id)

    outcomes = at_once(app, [partial(call_next, clerk.actor, a_claim(clerk), store_id=store_id) for _ in range(4)])

    assert Counter(outcome.refusal for outcome in outcomes) == {None: 1, "clerk_is_serving": 3}


def test_a_ticket_is_called_or_given_back_and_never_both(app: Flask) -> None:
    clerk = an_open_desk()
    store_id, resident = store_of(clerk), a_resident()
    ticket = a_ticket(store_id, resident)
    acts: list[Callable[[], Any]] = [
        partial(call_next, clerk.actor, a_claim(clerk), store_id=store_id),
        partial(cancel_ticket, resident.actor, a_claim(resident), ticket_id=ticket.ticket_id),
    ]

    outcomes = at_once(app, acts)

    assert sum(outcome.is_done for outcome in outcomes) == 1
    [row] = look("SELECT state FROM desk_tickets WHERE ticket_id = :t", t=ticket.ticket_id)
    assert row.state == ("called" if outcomes[0].is_done else "canceled")


def test_the_last_place_of_a_slot_goes_to_one(app: Flask) -> None:
    store_id = store_of(an_open_desk(slot_capacity=1))
    with transaction() as tx:
        slot = next(slots_of(ALWAYS, slot_rule(30, 1), business_now(tx)))
    people = [a_resident() for _ in range(6)]
    book = partial(book_slot, store_id=store_id, topic=TicketTopic.BILL, slot_at=slot.starts_at)

    outcomes = at_once(app, [partial(book, one.actor, a_claim(one)) for one in people])

    assert Counter(outcome.refusal for outcome in outcomes) == {None: 1, "desk_slot_taken": 5}
