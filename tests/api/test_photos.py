"""Photos that prove something: who may upload, hand in and see them, and how they are forgotten."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from app.adapters.pictures import FolderPictures
from app.core.orders.states import OrderState
from app.core.privacy.register import REGISTER
from app.usecases.privacy.erasure import _statement
from app.usecases.proving.photos import add_order_photo, remove_erased, remove_unnamed
from app.worker.sweeps import forget_old
from tests.factories.orders import AnOrder, an_order
from tests.factories.people import Person, a_claim, a_courier, a_resident, an_operator
from tests.factories.photos import a_photo, a_picture
from tests.factories.rows import change, look_one
from tests.factories.shops import a_merchant_with_shop
from tests.support.ladder import Case, Once, Owned, assert_problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient


@pytest.fixture(autouse=True)
def pictures(app: Flask, tmp_path: Path) -> Iterator[FolderPictures]:
    before = app.extensions["linli_pictures"]
    app.extensions["linli_pictures"] = store = FolderPictures(tmp_path)
    yield store
    app.extensions["linli_pictures"] = before


def upload(client: FlaskClient, order: AnOrder, color: str = "red") -> str:
    path = f"/user/v1/orders/{order.order_id}/photos"
    kept = client.post(path, headers=order.resident.once(), data=a_picture(color), content_type="image/jpeg")
    assert kept.status_code == 201, kept.text
    return str(kept.get_json()["photo_id"])


def complain(client: FlaskClient, order: AnOrder, evidence: list[str]) -> Any:
    body = {"kind": "refund_only", "reason": "damaged", "lines": [{"line": 1, "quantity": 1}], "evidence": evidence}
    return client.post(f"/user/v1/orders/{order.order_id}/cases", headers=order.resident.once(), json=body)


def seen(client: FlaskClient, side: str, who: Person, photo_id: str) -> int:
    return client.get(f"/{side}/v1/photos/{photo_id}", headers=who.headers).status_code


class _Upload(Once, Owned):
    status = 201

    def send(self, client: FlaskClient, case: Case, **given: Any) -> Any:
        headers = case.person.once() if given.get("headers") is None else given["headers"]
        return client.post(given.get("path") or case.path, headers=headers, data=a_picture(), content_type="image/jpeg")


class TestUploadByResident(_Upload):
    absent_code = "order_not_found"

    def case(self) -> Case:
        order = an_order(state=OrderState.COMPLETED)
        return Case(order.resident, f"/user/v1/orders/{order.order_id}/photos")


class TestUploadByCourier(_Upload):
    absent_code = "delivery_not_found"

    def case(self) -> Case:
        order = an_order(state=OrderState.IN_DELIVERY)
        return Case(order.carrier, f"/courier/v1/deliveries/{order.delivery_id}/photos")


class TestEvidence:
    def test_the_parties_and_the_platform_see_what_a_case_shows_and_nobody_else(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.COMPLETED)
        photo_id, owner, support = upload(client, order), order.shop.owner, an_operator()

        before = (seen(client, "user", order.resident, photo_id), seen(client, "merchant", owner, photo_id),
                  seen(client, "platform", support, photo_id))  # fmt: skip
        case_id = complain(client, order, [photo_id]).get_json()["case_id"]
        case = client.get(f"/merchant/v1/cases/{case_id}", headers=owner.headers).get_json()
        after = (seen(client, "user", order.resident, photo_id), seen(client, "merchant", owner, photo_id),
                 seen(client, "platform", support, photo_id))  # fmt: skip
        strangers = (seen(client, "user", a_resident(), photo_id), seen(client, "courier", order.carrier, photo_id),
                     seen(client, "merchant", a_merchant_with_shop().owner, photo_id))  # fmt: skip

        assert before == (200, 404, 404)
        assert case["evidence"] == [photo_id]
        assert after == (200, 200, 200)
        assert strangers == (404, 404, 404)
        assert (
            look_one("SELECT count(*) FROM audit.act WHERE verb = 'photo.read' AND subject_id = :id", id=photo_id) == 1
        )

    def test_it_is_drawn_anew_and_kept_where_nobody_can_read_it(self, client: FlaskClient, tmp_path: Path) -> None:
        order = an_order(state=OrderState.COMPLETED)

        photo_id = upload(client, order)
        shown = client.get(f"/user/v1/photos/{photo_id}", headers=order.resident.headers)

        [kept] = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert Image.open(io.BytesIO(shown.data)).size == (96, 96)
        assert b"SECRET" not in shown.data
        assert shown.headers["Cache-Control"] == "private, no-store"
        assert b"JFIF" not in kept.read_bytes()
        assert client.get(f"/pictures/{kept.name}").status_code == 404

    def test_a_photo_serves_once_and_for_its_own_order_alone(self, client: FlaskClient) -> None:
        order, other = an_order(state=OrderState.COMPLETED), an_order(state=OrderState.COMPLETED)
        mine, foreign = upload(client, order), upload(client, other)
        couriers = str(a_photo(order.carrier, order.order_id))

        for evidence in ([foreign], [couriers], [mine, mine], [mine, foreign]):
            assert_problem(complain(client, order, evidence), 422, "photo_unknown", pointer="/evidence")
        assert complain(client, order, [mine]).status_code == 201
        assert_problem(complain(client, order, [mine]), 422, "photo_unknown", pointer="/evidence")

    def test_nine_wait_and_the_same_one_waits_once(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.COMPLETED)
        first = upload(client, order)
        for _ in range(8):
            a_photo(order.resident, order.order_id)

        path = f"/user/v1/orders/{order.order_id}/photos"
        refused = client.post(path, headers=order.resident.once(), data=a_picture("blue"))

        assert upload(client, order) == first
        assert assert_problem(refused, 409, "too_many_photos")["photos_max"] == 9

    def test_what_is_no_picture_is_refused(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.COMPLETED)

        path = f"/user/v1/orders/{order.order_id}/photos"
        refused = client.post(path, headers=order.resident.once(), data=b"GIF89a")

        assert_problem(refused, 422, "picture_invalid")


class TestProofOfCouriers:
    def test_the_resident_sees_where_it_was_left_and_the_shop_what_was_taken(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.IN_DELIVERY)
        path, kept = f"/courier/v1/deliveries/{order.delivery_id}", []
        for color in ("red", "blue"):
            answer = client.post(f"{path}/photos", headers=order.carrier.once(), data=a_picture(color))
            kept.append(answer.get_json()["photo_id"])
        taken, left = kept
        change("UPDATE proof_photos SET use = 'pick_up' WHERE photo_id = :id", id=taken)

        moved = client.post(f"{path}/hand-over", headers=order.carrier.once(), json={"photo_id": left})

        shown = client.get(f"/user/v1/orders/{order.order_id}", headers=order.resident.headers).get_json()
        eyes = [(side, seen(client, side, who, one)) for one in (taken, left)
                for side, who in (("user", order.resident), ("merchant", order.shop.owner))]  # fmt: skip
        assert moved.status_code == 200
        assert shown["hand_over"]["photo_id"] == left
        assert eyes == [("user", 200), ("merchant", 200), ("user", 200), ("merchant", 404)]
        assert seen(client, "courier", order.carrier, left) == 200
        assert seen(client, "courier", a_courier(), left) == 404

    def test_a_photo_that_was_never_taken_proves_nothing(self, client: FlaskClient) -> None:
        order, other = an_order(state=OrderState.IN_DELIVERY), an_order(state=OrderState.IN_DELIVERY)
        path = f"/courier/v1/deliveries/{order.delivery_id}"
        used = a_photo(order.carrier, order.order_id)
        change("UPDATE proof_photos SET use = 'pick_up' WHERE photo_id = :id", id=used)

        for photo_id in (order.order_id, used, a_photo(other.carrier, other.order_id)):
            body = {"reason": "absent", "photo_id": str(photo_id)}
            refused = client.post(f"{path}/failure", headers=order.carrier.once(), json=body)
            assert_problem(refused, 422, "photo_unknown", pointer="/photo_id")
        assert order.state is OrderState.IN_DELIVERY


class TestForgetting:
    def test_erasure_takes_the_key_and_the_worker_the_file(
        self, app: Flask, client: FlaskClient, pictures: FolderPictures, tmp_path: Path
    ) -> None:
        order = an_order(state=OrderState.COMPLETED)
        photo_id = upload(client, order)
        [held] = [one for one in REGISTER if one.table == "proof_photos"]

        change(str(_statement(held)), account_id=order.resident.account_id)
        unreadable = look_one("SELECT key_sealed IS NULL FROM proof_photos WHERE photo_id = :id", id=photo_id)
        while remove_erased(pictures):
            pass

        assert unreadable
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
        assert look_one("SELECT count(*) FROM proof_photos WHERE photo_id = :id", id=photo_id) == 0

    def test_a_file_that_no_photo_came_to_name_is_removed_after_a_day(
        self, client: FlaskClient, pictures: FolderPictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        order = an_order(state=OrderState.COMPLETED)
        upload(client, order)
        [named] = [path.name for path in tmp_path.rglob("*") if path.is_file()]
        monkeypatch.setattr("app.usecases.proving.photos.transaction", None)  # dies between the file and its row
        with pytest.raises(TypeError):
            add_order_photo(
                order.resident.actor, a_claim(order.resident), pictures, order_id=order.order_id,
                file=a_picture("blue"), media="image/jpeg",
            )  # fmt: skip
        files = {path.name for path in tmp_path.rglob("*") if path.is_file()}
        [lost] = files - {named}
        young = remove_unnamed(pictures, limit=1000)
        change("UPDATE photo_files SET sent_at = sent_at - interval '25 hours' WHERE file = :file", file=lost)

        remove_unnamed(pictures, limit=1000)

        assert young == 0
        assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [named]

    def test_what_nobody_handed_in_is_forgotten_after_two_days(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.COMPLETED)
        waits, served, old = (a_photo(order.resident, order.order_id) for _ in range(3))
        ages = {waits: "3 days", served: "3 days", old: "1100 days"}
        for photo_id, age in ages.items():
            use = None if photo_id == waits else "case"
            aged = "UPDATE proof_photos SET taken_at = taken_at - CAST(:age AS interval), use = :use WHERE file = :file"
            change(aged, age=age, use=use, file=photo_id.hex)

        forget_old()

        kept = "SELECT key_sealed IS NOT NULL FROM proof_photos WHERE photo_id = :id"
        assert [look_one(kept, id=photo_id) for photo_id in ages] == [False, True, False]
