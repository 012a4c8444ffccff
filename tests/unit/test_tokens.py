from __future__ import annotations

import os

import pytest

from app.kernel.actor import Side
from app.kernel.ids import new_id
from app.web.tokens import TokenInvalid, Verifier
from tests.factories.people import Person
from tests.support.forged_tokens import forged_tokens, sound_token

KEYS = {"one": os.urandom(32), "two": os.urandom(32)}
PERSON = Person(new_id(), new_id(), Side.USER)


def test_a_sound_token_names_account_session_and_side() -> None:
    actor = Verifier(KEYS).verify(sound_token(PERSON, KEYS), Side.USER)

    assert actor == PERSON.actor


def test_a_token_of_the_older_key_stands_while_that_key_is_in_the_ring() -> None:
    token = sound_token(PERSON, {"two": KEYS["two"]})

    assert Verifier(KEYS).verify(token, Side.USER) == PERSON.actor
    with pytest.raises(TokenInvalid):
        Verifier({"one": KEYS["one"]}).verify(token, Side.USER)


@pytest.mark.parametrize("what", sorted(forged_tokens(PERSON, KEYS)))
def test_a_forged_token_is_refused_at_every_side(what: str) -> None:
    verifier, token = Verifier(KEYS), forged_tokens(PERSON, KEYS)[what]

    for side in (*Side, None):
        with pytest.raises(TokenInvalid):
            verifier.verify(token, side)


@pytest.mark.parametrize("side", [side for side in Side if side is not Side.USER])
def test_a_token_that_is_cached_for_its_side_is_still_refused_at_another(side: Side) -> None:
    verifier, token = Verifier(KEYS), sound_token(PERSON, KEYS)
    verifier.verify(token, Side.USER)

    with pytest.raises(TokenInvalid):
        verifier.verify(token, side)


def test_a_token_that_is_cached_expires_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    verifier, token = Verifier(KEYS), sound_token(PERSON, KEYS)
    verifier.verify(token, Side.USER)
    monkeypatch.setattr("app.web.tokens.wall_now_s", lambda: 4_000_000_000)

    with pytest.raises(TokenInvalid):
        verifier.verify(token, Side.USER)
