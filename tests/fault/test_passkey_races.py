"""Challenges and counters of passkeys under many hands at once."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from app.core.accounts.models import CodePurpose
from app.core.passkeys.ceremony import RelyingParty
from app.kernel.actor import Side
from app.kernel.ids import new_id
from app.usecases.passkeys.answers import Answer
from app.usecases.passkeys.challenges import ask_to_confirm, ask_to_register, ask_to_sign_in
from app.usecases.passkeys.manage import Proof, add_passkey, remove_passkey
from app.usecases.passkeys.sign_in import sign_in_by_passkey
from app.usecases.people import codes
from tests.factories import a_resident, a_store_clerk
from tests.factories.people import signed_in
from tests.factories.rows import change, look_one
from tests.support.passkeys import ORIGIN, Authenticator, registered
from tests.support.races import at_once

if TYPE_CHECKING:
    from uuid import UUID

    from flask import Flask

    from app.kernel.actor import Actor

PARTY = RelyingParty("localhost", (ORIGIN,))
MANY = 30


def test_of_30_uses_of_one_challenge_at_once_one_opens(app: Flask) -> None:
    person = a_resident()
    device = registered(person)
    asked = ask_to_sign_in(PARTY, side=Side.USER, device="phone", phone=None)
    answers = [Answer(asked.challenge_id, device.answer(asked.public_key)) for _ in range(MANY)]

    outcomes = at_once(
        app,
        [partial(sign_in_by_passkey, PARTY, one, side=Side.USER, device="phone", device_token=None) for one in answers],
    )

    assert Counter(outcome.refusal for outcome in outcomes) == {None: 1, "passkey_refused": MANY - 1}
    assert (
        look_one("SELECT count(*) FROM sessions WHERE account_id = :id AND device = 'phone'", id=person.account_id) == 1
    )


def test_of_two_that_count_alike_one_opens_and_the_passkey_stops(app: Flask) -> None:
    person = a_resident()
    device = registered(person, Authenticator(count=4, step=0), sign_count=3)
    asked = [ask_to_sign_in(PARTY, side=Side.USER, device="phone", phone=None) for _ in range(2)]
    answers = [Answer(one.challenge_id, device.answer(one.public_key)) for one in asked]

    outcomes = at_once(
        app,
        [partial(sign_in_by_passkey, PARTY, one, side=Side.USER, device="phone", device_token=None) for one in answers],
    )

    assert Counter(outcome.refusal for outcome in outcomes) == {None: 1, "passkey_refused": 1}
    assert look_one("SELECT stopped_at IS NOT NULL FROM passkeys WHERE account_id = :id", id=person.account_id)


def test_of_two_staff_passkeys_removed_at_once_one_stays(app: Flask) -> None:
    clerk = a_store_clerk()
    ids = [new_id(), new_id()]
    devices = [registered(clerk, passkey_id=passkey_id) for passkey_id in ids]

    def remove(passkey_id: object, device: Authenticator) -> None:
        asked = ask_to_confirm(clerk.actor, PARTY)
        proof = Proof(answer=Answer(asked.challenge_id, device.answer(asked.public_key)))
        remove_passkey(clerk.actor, PARTY, passkey_id=passkey_id, proof=proof, is_required=True)  # type: ignore[arg-type]

    outcomes = at_once(app, [partial(remove, *pair) for pair in zip(ids, devices, strict=True)])

    assert sum(outcome.is_done for outcome in outcomes) == 1
    assert look_one("SELECT count(*) FROM passkeys WHERE account_id = :id", id=clerk.account_id) == 1


def test_of_two_who_enroll_a_members_first_passkey_by_code_at_once_one_does(app: Flask) -> None:
    clerk = a_store_clerk()
    sessions = [begun_on(clerk.account_id, device) for device in ("owner's phone", "thief's phone")]
    caught: dict[Actor, str] = {}

    class Caught:
        def __init__(self, actor: Actor) -> None:
            self.actor = actor

        def send_code(self, *, phone: str, code: str) -> None:
            caught[self.actor] = code

    for actor in sessions:
        codes.send_own(Caught(actor), actor, CodePurpose.ADD_PASSKEY)

    def enroll(actor: Actor) -> object:
        asked, device = ask_to_register(actor, PARTY), Authenticator()
        return add_passkey(
            actor,
            PARTY,
            challenge_id=asked.challenge_id,
            credential=device.make(asked.public_key),
            name="钥匙",
            proof=Proof(code=caught[actor]),
            is_required=True,
        )

    outcomes = at_once(app, [partial(enroll, actor) for actor in sessions])

    assert Counter(outcome.refusal for outcome in outcomes) == {None: 1, "passkey_needed": 1}
    assert look_one("SELECT count(*) FROM passkeys WHERE account_id = :id", id=clerk.account_id) == 1


def begun_on(account_id: UUID, device: str) -> Actor:
    person = signed_in(account_id, Side.STORE)
    change("UPDATE sessions SET device = :device WHERE session_id = :id", device=device, id=person.session_id)
    return person.actor
