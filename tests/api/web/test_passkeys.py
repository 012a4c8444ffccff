"""Passkeys: added with a proof, named, removed; each wrong answer refused, each challenge answered once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app.core.events import SecurityNoticed, topics_of
from app.core.passkeys.models import ChallengePurpose
from app.core.passkeys.rules import PASSKEYS_MAX
from app.core.verification.models import IdentityRow
from app.kernel.actor import Side
from app.kernel.clock import wall_now
from app.kernel.ids import new_id
from app.kernel.sealing import blind_index, seal
from app.usecases.people.devices import device_token
from app.usecases.people.notices import send_notice
from app.usecases.people.phones import phone_index
from app.usecases.verifying.check_identity import NAME_CONTEXT, NUMBER_CONTEXT
from app.wiring import REACTIONS
from tests.factories import Person, a_phone, a_resident
from tests.factories.people import an_id_number, signed_in
from tests.factories.rows import change, look, look_one, write
from tests.support.ladder import Case, Endpoint, Owned, a_stranger, assert_problem, row_counts
from tests.support.passkeys import PRESENT, Authenticator, a_challenge, a_passkey, registered

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

DEVICE = "device"


def asked(client: FlaskClient, person: Person, what: str) -> dict[str, Any]:
    answer = client.post(f"/{person.side}/v1/{what}", headers=person.headers)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.get_json()
    return document


def latest_code(client: FlaskClient, person: Person) -> str:
    shown = client.get("/dev/v1/messages", query_string={"phone": person.phone}).get_json()
    return str(shown["items"][0]["code"])


def code_of(client: FlaskClient, person: Person, purpose: str = "add_passkey") -> str:
    change("UPDATE sign_in_codes SET created_at = created_at - interval '2 hours'")
    sent = client.post(f"/{person.side}/v1/codes", json={"purpose": purpose}, headers=person.headers)
    assert sent.status_code == 202, sent.text
    return latest_code(client, person)


def confirmation(client: FlaskClient, person: Person, device: Authenticator) -> dict[str, Any]:
    challenge = asked(client, person, "passkey-confirmations")
    return {"challenge_id": challenge["challenge_id"], "credential": device.answer(challenge["public_key"])}


def add(client: FlaskClient, person: Person, device: Authenticator | None = None, **proof: Any) -> TestResponse:
    challenge = asked(client, person, "passkey-registrations")
    made = (device or Authenticator()).make(challenge["public_key"])
    return send(client, person, challenge["challenge_id"], made, **proof)


def send(client: FlaskClient, person: Person, challenge_id: str, made: dict[str, Any], **proof: Any) -> TestResponse:
    body = {"challenge_id": challenge_id, "name": "我的手机", "credential": made, **proof}
    return client.post(f"/{person.side}/v1/passkeys", json=body, headers=person.headers)


def sign_in(
    client: FlaskClient,
    device: Authenticator,
    *,
    side: str = "user",
    phone: str | None = None,
    token: str | None = None,
    between: Callable[[dict[str, Any]], None] | None = None,
) -> TestResponse:
    wanted = {"device": DEVICE, **({} if phone is None else {"phone": phone})}
    challenge = client.post(f"/{side}/v1/passkey-sign-ins", json=wanted).get_json()
    body = {
        "challenge_id": challenge["challenge_id"],
        "credential": device.answer(challenge["public_key"]),
        "device": DEVICE,
        **({} if token is None else {"device_token": token}),
    }
    if between is not None:
        between(body)
    return client.post(f"/{side}/v1/passkey-sessions", json=body)


def notices(person: Person) -> list[str]:
    rows = look("SELECT kind FROM security_notices WHERE account_id = :id ORDER BY notice_id", id=person.account_id)
    return [row.kind for row in rows]


class TestList(Endpoint):
    def case(self) -> Case:
        person = a_resident()
        a_passkey(person)
        return Case(person, "/user/v1/passkeys")

    def test_it_shows_ones_own_by_name_and_page_by_page(self, client: FlaskClient) -> None:
        case = self.case()
        a_passkey(case.person)
        a_passkey(a_resident())

        first = client.get(case.path, query_string={"limit": 1}, headers=case.person.headers).get_json()
        query = {"limit": 1, "cursor": first["next_cursor"]}
        second = client.get(case.path, query_string=query, headers=case.person.headers).get_json()

        assert [one["name"] for one in first["items"] + second["items"]] == ["手机", "手机"]
        assert first["items"][0]["passkey_id"] > second["items"][0]["passkey_id"]
        assert second["next_cursor"] is None


class TestAdd(Owned):
    method = "POST"
    status = 201
    absent_code = "passkey_challenge_not_found"

    def case(self) -> Case:
        person, device = a_resident(), Authenticator()
        known = registered(person)
        client = self.client
        challenge = asked(client, person, "passkey-registrations")
        body = {
            "challenge_id": challenge["challenge_id"],
            "name": "手表",
            "credential": device.make(challenge["public_key"]),
            "confirmation": confirmation(client, person, known),
        }
        return Case(person, "/user/v1/passkeys", body)

    @pytest.fixture(autouse=True)
    def _client(self, client: FlaskClient) -> None:
        self.client = client

    def test_anothers_looks_exactly_like_an_absent_one(self, client: FlaskClient) -> None:
        stranger, case = a_resident(), self.case()
        body = dict(case.body or {})

        anothers = client.post(case.path, json=body, headers=stranger.headers)
        absent = client.post(case.path, json={**body, "challenge_id": str(new_id())}, headers=stranger.headers)

        assert_problem(anothers, 404, self.absent_code)
        assert anothers.data == absent.data

    @pytest.mark.parametrize("side", list(Side))
    def test_with_a_fresh_code_one_adds_it_and_signs_in_with_it(self, client: FlaskClient, side: Side) -> None:
        person, device = a_stranger(side), Authenticator()

        added = add(client, person, device, code=code_of(client, person))
        begun = sign_in(client, device, side=side.value)

        assert added.status_code == 201, added.text
        assert added.get_json()["name"] == "我的手机"
        assert begun.get_json()["account_id"] == str(person.account_id)
        assert begun.get_json()["device_token"] == device_token(phone_index(person.phone), DEVICE)
        assert "passkey_added" in notices(person)
        assert "我的手机" not in str(
            look_one("SELECT name_sealed FROM passkeys WHERE account_id = :id", id=person.account_id)
        )

    def test_with_a_passkey_that_one_has_one_adds_another(self, client: FlaskClient) -> None:
        person = a_resident()
        known, device = registered(person), Authenticator()

        assert add(client, person, device, confirmation=confirmation(client, person, known)).status_code == 201
        assert sign_in(client, device).status_code == 201

    def test_without_a_proof_nothing_is_added(self, client: FlaskClient) -> None:
        assert_problem(add(client, a_resident()), 403, "passkey_proof_needed")

    def test_a_wrong_code_adds_nothing_and_a_code_adds_once(self, client: FlaskClient) -> None:
        person = a_resident()
        code = code_of(client, person)

        wrong = add(client, person, code=f"{(int(code) + 1) % 1_000_000:06d}")
        right = add(client, person, code=code)
        again = add(client, person, code=code)

        assert_problem(wrong, 422, "code_wrong", pointer="/code")
        assert right.status_code == 201
        assert_problem(again, 422, "code_wrong", pointer="/code")
        assert look_one("SELECT count(*) FROM passkeys WHERE account_id = :id", id=person.account_id) == 1

    def test_a_code_for_something_else_adds_nothing(self, client: FlaskClient) -> None:
        person = a_resident()
        client.post("/user/v1/codes", json={"purpose": "reset_pin"}, headers=person.headers)
        shown = client.get("/dev/v1/messages", query_string={"phone": person.phone}).get_json()

        assert_problem(add(client, person, code=shown["items"][0]["code"]), 422, "code_wrong", pointer="/code")

    def test_whose_account_is_verified_names_the_identity_too(self, client: FlaskClient) -> None:
        person, number = a_resident(), an_id_number()
        write(
            IdentityRow,
            account_id=person.account_id,
            name_sealed=seal("欧阳青", context=NAME_CONTEXT),
            number_sealed=seal(number, context=NUMBER_CONTEXT),
            number_index=blind_index(number, context=NUMBER_CONTEXT),
            verified_at=wall_now(),
        )

        by_phone_alone = add(client, person, code=code_of(client, person))
        named = add(client, person, code=code_of(client, person), legal_name="欧阳青", id_number=number)

        assert_problem(by_phone_alone, 409, "identity_differs")
        assert named.status_code == 201
        assert named.get_json()["pays_from"] <= wall_now().isoformat()

    def test_by_the_phone_alone_it_pays_after_a_day_and_so_does_one_that_it_vouches_for(
        self, client: FlaskClient
    ) -> None:
        person, device = a_resident(), Authenticator()

        added = add(client, person, device, code=code_of(client, person)).get_json()
        vouched = add(client, person, confirmation=confirmation(client, person, device)).get_json()

        assert added["pays_from"] > (wall_now() + timedelta(hours=23)).isoformat()
        assert vouched["pays_from"] == added["pays_from"]

    @pytest.mark.parametrize(
        "device, fmt",
        [
            (Authenticator(origin="http://localhost.evil.example"), "none"),
            (Authenticator(origin="https://localhost"), "none"),
            (Authenticator(rp_id="evil.example"), "none"),
            (Authenticator(flags=PRESENT), "none"),
            (Authenticator(flags=0x04), "none"),
            (Authenticator(is_framed=True), "none"),
            (Authenticator(), "packed"),
            (Authenticator(), "nonsense"),
        ],
        ids=["origin", "scheme", "rp", "not verified", "not present", "frame", "attested", "format"],
    )
    def test_what_was_not_made_here_by_a_person_is_no_passkey(
        self, client: FlaskClient, device: Authenticator, fmt: str
    ) -> None:
        person = a_resident()
        challenge = asked(client, person, "passkey-registrations")
        made = device.make(challenge["public_key"], fmt=fmt)

        answer = send(client, person, challenge["challenge_id"], made, code="123456")

        assert_problem(answer, 422, "passkey_invalid", pointer="/credential")
        assert look_one("SELECT count(*) FROM passkeys WHERE account_id = :id", id=person.account_id) == 0

    def test_a_challenge_is_answered_once_in_its_session_for_its_purpose_and_in_time(self, client: FlaskClient) -> None:
        person, device = a_resident(), Authenticator()
        challenge = asked(client, person, "passkey-registrations")
        made = device.make(challenge["public_key"])
        elsewhere = signed_in(person.account_id, Side.USER, person.phone)
        other = a_challenge(person, ChallengePurpose.CONFIRM)
        late = a_challenge(person, ChallengePurpose.REGISTER)
        change("UPDATE passkey_challenges SET expires_at = clock_timestamp() WHERE challenge_id = :id", id=late)

        refused = [
            send(client, elsewhere, challenge["challenge_id"], made, code="123456"),
            send(client, person, str(other), made, code="123456"),
            send(client, person, str(late), made, code="123456"),
        ]
        first = send(client, person, challenge["challenge_id"], made, code=code_of(client, person))
        second = send(client, person, challenge["challenge_id"], made, code=code_of(client, person))

        assert first.status_code == 201
        for answer in (*refused, second):
            assert_problem(answer, 404, "passkey_challenge_not_found")

    def test_a_passkey_of_another_is_not_taken_over(self, client: FlaskClient) -> None:
        thief, device = a_resident(), registered(a_resident())

        answer = add(client, thief, device, code=code_of(client, thief))

        assert_problem(answer, 409, "passkey_known")

    def test_ten_are_enough(self, client: FlaskClient) -> None:
        person = a_resident()
        devices = [registered(person) for _ in range(PASSKEYS_MAX)]

        answer = add(client, person, confirmation=confirmation(client, person, devices[0]))

        assert_problem(answer, 409, "too_many_passkeys")

    def test_the_options_ask_for_a_person_and_know_what_one_has(self, client: FlaskClient) -> None:
        person = a_resident()
        registered(person)

        options = asked(client, person, "passkey-registrations")["public_key"]

        assert options["authenticatorSelection"]["userVerification"] == "required"
        assert len(options["excludeCredentials"]) == 1
        assert person.phone[-8:-4] not in options["user"]["name"]


class TestRename(Owned):
    method = "PUT"
    absent_code = "passkey_not_found"

    def case(self) -> Case:
        person = a_resident()
        return Case(person, f"/user/v1/passkeys/{a_passkey(person)}", {"name": "平板"})

    def test_it_has_the_new_name(self, client: FlaskClient) -> None:
        assert self.send(client, self.case()).get_json()["name"] == "平板"


class TestRemove(Owned):
    method = "POST"
    status = 204
    absent_code = "passkey_not_found"

    @pytest.fixture(autouse=True)
    def _client(self, client: FlaskClient) -> None:
        self.client = client

    def case(self) -> Case:
        person, passkey_id = a_resident(), new_id()
        device = registered(person, passkey_id=passkey_id)
        body = {"confirmation": confirmation(self.client, person, device)}
        return Case(person, f"/user/v1/passkeys/{passkey_id}/removal", body)

    def test_it_opens_nothing_any_more_and_its_grants_are_void(self, client: FlaskClient) -> None:
        person, passkey_id = a_resident(), new_id()
        device = registered(person, passkey_id=passkey_id)
        path = f"/user/v1/passkeys/{passkey_id}/removal"

        removed = client.post(path, json={"code": code_of(client, person)}, headers=person.headers)

        assert removed.status_code == 204
        assert_problem(sign_in(client, device), 401, "passkey_refused")
        assert notices(person) == ["passkey_removed"]

    def test_a_session_alone_removes_nothing(self, client: FlaskClient) -> None:
        case = self.case()
        before = row_counts()["public.passkeys"]

        answer = client.post(case.path, json={}, headers=case.person.headers)

        assert_problem(answer, 403, "passkey_proof_needed")
        assert row_counts()["public.passkeys"] == before


class TestSignIn:
    @pytest.mark.parametrize("is_named", [True, False])
    def test_with_or_without_the_phone_the_passkey_opens(self, client: FlaskClient, *, is_named: bool) -> None:
        person = a_resident()
        device = registered(person)

        begun = sign_in(client, device, phone=person.phone if is_named else None)

        assert begun.status_code == 201, begun.text
        session = look("SELECT device, factor FROM sessions WHERE account_id = :id ORDER BY created_at DESC LIMIT 1",
                       id=person.account_id)  # fmt: skip
        assert [tuple(row) for row in session] == [(DEVICE, "passkey")]

    def test_a_device_that_never_counts_signs_in_again_and_again(self, client: FlaskClient) -> None:
        device = registered(a_resident(), Authenticator(step=0))

        assert [sign_in(client, device).status_code for _ in range(3)] == [201] * 3

    def test_known_and_unknown_phones_are_answered_alike(self, client: FlaskClient) -> None:
        person = a_resident()
        registered(person)

        answers = [
            client.post("/user/v1/passkey-sign-ins", json={"device": DEVICE, "phone": phone})
            for phone in (person.phone, a_phone())
        ]

        shapes = [{**answer.get_json(), "challenge_id": "", "public_key": ""} for answer in answers]
        keys = [{**answer.get_json()["public_key"], "challenge": ""} for answer in answers]
        assert shapes[0] == shapes[1]
        assert keys[0] == keys[1]
        assert keys[0]["allowCredentials"] == []

    def test_whatever_is_wrong_with_an_answer_it_is_refused_alike(self, client: FlaskClient) -> None:
        person = a_resident()

        def broken(**change: Any) -> TestResponse:
            device = registered(person)
            for name, value in change.items():
                setattr(device, name, value)
            return sign_in(client, device)

        def replaced(**change: Any) -> TestResponse:
            return sign_in(client, registered(person), between=lambda body: body.update(change))

        answers = {
            "origin": broken(origin="https://linli.evil.example"),
            "rp": broken(rp_id="evil.example"),
            "not verified": broken(flags=PRESENT),
            "frame": broken(is_framed=True),
            "signature": broken(key=Authenticator().key),
            "handle": broken(handle=a_resident().account_id.bytes),
            "credential": broken(credential_id=b"nobody's"),
            "challenge": replaced(challenge_id=str(new_id())),
            "device": replaced(device="other"),
            "phone": sign_in(client, registered(person), phone=a_resident().phone),
            "unknown phone": sign_in(client, registered(person), phone=a_phone()),
            "purpose": replaced(challenge_id=str(a_challenge(person, ChallengePurpose.CONFIRM))),
        }

        assert {name: (answer.status_code, answer.data) for name, answer in answers.items()} == dict.fromkeys(
            answers, (401, answers["origin"].data)
        )

    def test_a_challenge_of_one_side_opens_no_other(self, client: FlaskClient) -> None:
        person = a_stranger(Side.COURIER)
        device = registered(person)
        challenge = client.post("/user/v1/passkey-sign-ins", json={"device": DEVICE}).get_json()
        body = {
            "challenge_id": challenge["challenge_id"],
            "credential": device.answer(challenge["public_key"]),
            "device": DEVICE,
        }

        assert_problem(client.post("/courier/v1/passkey-sessions", json=body), 401, "passkey_refused")

    def test_a_replayed_answer_opens_nothing(self, client: FlaskClient) -> None:
        device = registered(a_resident())
        seen: dict[str, Any] = {}
        sign_in(client, device, between=seen.update)

        assert_problem(client.post("/user/v1/passkey-sessions", json=seen), 401, "passkey_refused")

    def test_a_counter_that_goes_back_stops_the_passkey_and_its_owner_is_told(self, client: FlaskClient) -> None:
        person = a_resident()
        device = registered(person, Authenticator(count=7))
        device.count = 3

        copied = sign_in(client, device)
        device.count = 50
        original = sign_in(client, device)

        assert_problem(copied, 401, "passkey_refused")
        assert_problem(original, 401, "passkey_refused")
        assert notices(person) == ["passkey_stopped"]
        shown = client.get("/user/v1/passkeys", headers=person.headers).get_json()
        assert [one["is_stopped"] for one in shown["items"]] == [True]

    def test_who_has_no_part_there_does_not_get_in(self, client: FlaskClient) -> None:
        assert_problem(sign_in(client, registered(a_resident()), side="store"), 403, "no_membership")

    def test_a_suspended_account_does_not_get_in(self, client: FlaskClient) -> None:
        person = a_resident()
        device = registered(person)
        change("UPDATE accounts SET state = 'suspended' WHERE account_id = :id", id=person.account_id)

        assert_problem(sign_in(client, device), 403, "account_suspended")

    @pytest.mark.parametrize("field", ["clientDataJSON", "authenticatorData", "signature", "userHandle"])
    @pytest.mark.parametrize("junk", ["AAAA", "eyJ9", "_", "A" * 1_300])
    def test_junk_is_refused_and_never_a_fault(self, client: FlaskClient, field: str, junk: str) -> None:
        def spoil(body: dict[str, Any]) -> None:
            body["credential"]["response"][field] = junk

        answer = sign_in(client, registered(a_resident()), between=spoil)

        assert answer.status_code in {401, 422}, answer.text


class TestNotices(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/security-notices")

    def test_it_lists_ones_own(self, client: FlaskClient) -> None:
        person = a_resident()
        add(client, person, code=code_of(client, person))

        shown = client.get("/user/v1/security-notices", headers=person.headers).get_json()

        assert [one["kind"] for one in shown["items"]] == ["passkey_added"]


class TestTold:
    def test_what_changes_is_told_in_the_app_and_by_text_message(self, app: Flask, client: FlaskClient) -> None:
        person = a_resident()
        add(client, person, code=code_of(client, person))
        notice_id = look_one("SELECT notice_id FROM security_notices WHERE account_id = :id", id=person.account_id)

        for _ in range(2):
            send_notice(app.extensions["linli_messages"], notice_id)

        sent = client.get("/dev/v1/notices", query_string={"phone": person.phone}).get_json()
        assert [one["kind"] for one in sent["items"]] == ["passkey_added"]

    def test_pin_password_and_device_are_told_of_too(self, client: FlaskClient) -> None:
        person = a_resident()
        for purpose, method, path, body in (
            ("reset_pin", "POST", "payment-pin", {"pin": "407193"}),
            ("set_password", "PUT", "password", {"password": "vier kleine Enten"}),
            ("set_password", "POST", "password/removal", {}),
        ):
            code = code_of(client, person, purpose)
            done = client.open(f"/user/v1/{path}", method=method, json={**body, "code": code}, headers=person.headers)
            assert done.status_code in {201, 204}, done.text
        wanted = {"phone": person.phone, "device": "another"}
        change("UPDATE sign_in_codes SET created_at = created_at - interval '2 hours'")
        client.post("/user/v1/sign-in-codes", json=wanted)
        client.post("/user/v1/sessions", json={**wanted, "code": latest_code(client, person)})

        assert notices(person) == ["pin_set", "password_set", "password_removed", "new_device"]

    def test_a_first_device_and_a_known_one_are_not_told_of(self, client: FlaskClient) -> None:
        person = a_resident()
        device, token = registered(person), device_token(phone_index(person.phone), DEVICE)

        assert sign_in(client, device, token=token).status_code == 201
        assert notices(person) == []

    def test_an_event_says_what_and_a_job_follows(self) -> None:
        told = SecurityNoticed(account_id=new_id(), notice_id=new_id(), state="new_device")

        assert topics_of(told.as_record()["body"]) == [f"account:{told.account_id}"]
        assert [one.name for one in REACTIONS["SecurityNoticed"]] == ["send_notice"]
