"""Sign-ups, cancellations and scanners at once, with real threads and real commits."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

from app.usecases.activities.hold import cancel_activity
from app.usecases.activities.sign_up import cancel_signup, check_in, code_of, sign_up
from tests.factories import a_claim, a_merchant_with_shop, a_store_clerk
from tests.factories.activities import a_neighbor, a_signup, an_activity
from tests.factories.rows import change, look
from tests.support.races import at_once

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from flask import Flask

PLACES = 5


def states_of(activity_id: UUID) -> Counter[str]:
    rows = look("SELECT state FROM activity_signups WHERE activity_id = :id", id=activity_id)
    return Counter(row.state for row in rows)


def counted(activity_id: UUID) -> dict[str, int]:
    [row] = look("SELECT confirmed_count, waiting_count FROM activities WHERE activity_id = :id", id=activity_id)
    return {"confirmed": row.confirmed_count, "waiting": row.waiting_count}


def test_of_twenty_who_sign_up_at_once_as_many_get_a_place_as_there_are(app: Flask) -> None:
    shop = a_merchant_with_shop()
    activity_id = an_activity(shop, capacity=PLACES).activity_id
    people = [a_neighbor(shop) for _ in range(20)]

    outcomes = at_once(app, [partial(sign_up, one.actor, a_claim(one), activity_id=activity_id) for one in people])

    assert all(outcome.is_done for outcome in outcomes)
    assert states_of(activity_id) == {"confirmed": PLACES, "waiting": 15}
    assert counted(activity_id) == {"confirmed": PLACES, "waiting": 15}


def test_places_given_back_while_others_sign_up_are_all_taken_again(app: Flask) -> None:
    shop = a_merchant_with_shop()
    activity_id = an_activity(shop, capacity=PLACES).activity_id
    people = [a_neighbor(shop) for _ in range(PLACES + 3)]
    signups = [a_signup(activity_id, one) for one in people]
    others = [a_neighbor(shop) for _ in range(8)]
    acts: list[Callable[[], Any]] = [
        *(
            partial(cancel_signup, one.actor, a_claim(one), signup_id=signup.signup_id)
            for one, signup in zip(people, signups, strict=True)
        ),
        *(partial(sign_up, one.actor, a_claim(one), activity_id=activity_id) for one in others),
    ]

    outcomes = at_once(app, acts)

    assert all(outcome.is_done for outcome in outcomes)
    assert states_of(activity_id) == {"canceled": PLACES + 3, "confirmed": PLACES, "waiting": 3}
    assert counted(activity_id) == {"confirmed": PLACES, "waiting": 3}


def test_of_two_scanners_one_lets_in_and_the_other_is_told_why_not(app: Flask) -> None:
    shop = a_merchant_with_shop()
    activity_id = an_activity(shop).activity_id
    code = code_of(a_signup(activity_id, a_neighbor(shop)).signup_id)
    change("UPDATE activities SET from_at = business_now() WHERE activity_id = :id", id=activity_id)
    clerks = [a_store_clerk(shop.store_id) for _ in range(2)]

    outcomes = at_once(app, [partial(check_in, one.actor, a_claim(one), code=code) for one in clerks])

    assert sorted(str(outcome.refusal) for outcome in outcomes) == ["None", "checked_in_already"]
    assert states_of(activity_id) == {"attended": 1}


def test_a_cancellation_leaves_nobody_with_a_place_at_nothing(app: Flask) -> None:
    shop = a_merchant_with_shop()
    activity_id = an_activity(shop, capacity=PLACES).activity_id
    people = [a_neighbor(shop) for _ in range(10)]
    clerk = a_store_clerk(shop.store_id)
    acts: list[Callable[[], Any]] = [
        partial(sign_up, one.actor, a_claim(one), activity_id=activity_id) for one in people
    ]
    acts.insert(5, partial(cancel_activity, clerk.actor, a_claim(clerk), activity_id=activity_id))

    outcomes = at_once(app, acts)

    assert outcomes[5].is_done
    assert {outcome.refusal for outcome in outcomes if not outcome.is_done} <= {"activity_begun"}
    assert set(states_of(activity_id)) <= {"called_off"}
