from __future__ import annotations

import io
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageOps

from app.adapters.pictures import FolderPictures, S3Pictures
from app.core.catalog.errors import PictureInvalid
from app.core.catalog.pictures import PICTURE_BYTES_MAX, draw
from tests.factories import a_merchant_with_shop, a_resident, an_offer
from tests.support.ladder import Case, Once, OnceOwned, OnceWithBody, Owned, assert_problem, row_counts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient


def a_file(kind: str = "JPEG", size: tuple[int, int] = (800, 600), **how: Any) -> bytes:
    out = io.BytesIO()
    Image.new(how.pop("mode", "RGB"), size, how.pop("color", "teal")).save(out, kind, **how)
    return out.getvalue()


def with_secrets() -> bytes:
    """Return a picture with a place and a camera written into it, lying on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "SECRET-CAMERA"
    exif[0x8825] = {1: "N", 2: (39.0, 54.0, 0.0)}
    return a_file(exif=exif)


@pytest.fixture(autouse=True)
def pictures(app: Flask, tmp_path: Path) -> Iterator[FolderPictures]:
    before = app.extensions["linli_pictures"]
    app.extensions["linli_pictures"] = store = FolderPictures(tmp_path)
    yield store
    app.extensions["linli_pictures"] = before


class TestUpload(Once, Owned):
    status = 201
    absent_code = "offer_not_found"

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        self.shop = shop
        return Case(shop.owner, f"/merchant/v1/shops/{shop.shop_id}/offers/{an_offer(shop).offer_id}/pictures")

    def send(self, client: FlaskClient, case: Case, **given: Any) -> Any:
        headers = case.person.once() if given.get("headers") is None else given["headers"]
        return client.post(given.get("path") or case.path, headers=headers, data=given.get("file") or a_file(),
                           content_type=given.get("media", "image/jpeg"))  # fmt: skip

    def test_it_is_shown_large_and_small_to_anybody_and_stands_on_the_shelf(self, client: FlaskClient) -> None:
        case = self.case()
        name = self.send(client, case, file=a_file(size=(3_000, 2_000))).get_json()["picture"]

        shown = [client.get(f"/pictures/{name}{size}.jpg") for size in ("", "-thumbnail")]
        page = client.get(f"/user/v1/shops/{self.shop.shop_id}/offers", headers=a_resident().headers).get_json()

        assert [Image.open(io.BytesIO(one.data)).size for one in shown] == [(1_600, 1_067), (320, 213)]
        assert page["items"][0]["pictures"] == [name]

    def test_nothing_that_the_camera_wrote_is_kept_and_it_stands_upright(self, client: FlaskClient) -> None:
        name = self.send(client, self.case(), file=with_secrets()).get_json()["picture"]

        shown = client.get(f"/pictures/{name}.jpg").data

        assert b"SECRET" not in shown
        assert not Image.open(io.BytesIO(shown)).getexif()
        assert Image.open(io.BytesIO(shown)).size == (600, 800)

    @pytest.mark.parametrize(
        "file, media, reason",
        [(a_file("PNG"), "image/jpeg", "type"), (a_file("JPEG"), "image/png", "type"),
         (a_file("GIF"), "image/gif", "type"),
         (a_file("GIF"), "application/octet-stream", "type"), (b"<svg/>", "image/svg+xml", "type"),
         (b"%PDF-1.7", "application/octet-stream", "type"), (a_file(size=(10, 10)), "image/jpeg", "size"),
         (a_file("PNG", (5_000, 4_001)), "image/png", "size"), (a_file()[:-200], "image/jpeg", "broken"),
         (b"PK\x03\x04", "image/jpeg", "type")],
        ids=range(10),
    )  # fmt: skip
    def test_what_lies_about_its_type_or_is_none_is_refused_and_nothing_kept(
        self, client: FlaskClient, pictures: FolderPictures, file: bytes, media: str, reason: str
    ) -> None:
        case = self.case()
        before = row_counts()

        response = self.send(client, case, file=file, media=media)

        assert assert_problem(response, 422, "picture_invalid")["reason"] == reason
        assert row_counts() == before
        assert not list(pictures.folder.rglob("*.jpg"))

    def test_one_over_ten_megabytes_is_not_read(self, client: FlaskClient) -> None:
        response = self.send(client, self.case(), file=b"\xff" * (PICTURE_BYTES_MAX + 1))

        assert_problem(response, 413, "body_too_large")

    def test_an_offer_has_at_most_nine(self, client: FlaskClient) -> None:
        case = self.case()
        for number in range(9):
            assert self.send(client, case, file=a_file(size=(100, 100 + number))).status_code == 201

        assert_problem(self.send(client, case, file=a_file(size=(100, 300))), 409, "too_many_pictures")

    @pytest.mark.parametrize("name", ["x.jpg", "0" * 64 + ".png", "..%2f..%2fetc%2fpasswd", "0" * 64 + ".jpg"])
    def test_other_names_show_nothing(self, client: FlaskClient, name: str) -> None:
        assert client.get(f"/pictures/{name}").status_code == 404


class TestTakeOff(OnceWithBody, OnceOwned):
    absent_code = "offer_not_found"
    other_body = {"picture": "0" * 64}

    def case(self) -> Case:
        from tests.factories.rows import change  # noqa: PLC0415 - here alone

        shop = a_merchant_with_shop()
        offer = an_offer(shop)
        change("INSERT INTO offer_pictures VALUES (:id, :digest, 1, 9, 9, now())", id=offer.offer_id, digest="a" * 64)
        path = f"/merchant/v1/shops/{shop.shop_id}/offers/{offer.offer_id}/picture-removal"
        return Case(shop.owner, path, {"picture": "a" * 64})

    def test_another_picture_is_not_there(self, client: FlaskClient) -> None:
        assert_problem(self.send(client, self.case(), body=self.other_body), 404, "picture_not_found")


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_what_can_be_seen_through_stands_on_white(kind: str) -> None:
    drawn = draw(a_file(kind, mode="RGBA", color=(0, 0, 0, 0)), f"image/{kind.lower()}")

    assert Image.open(io.BytesIO(drawn.picture)).convert("L").histogram()[:250] == [0] * 250


def test_a_bomb_of_pixels_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(PictureInvalid) as refused:
        draw(a_file("PNG", (12_000, 12_000), mode="1", color=0), "image/png")

    assert refused.value.params["reason"] == "size"


def test_drawing_leaves_what_other_threads_warn_of_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    filters: list[Any] = []
    monkeypatch.setattr(warnings, "filters", filters)
    during: list[bool] = []
    looks_like = ImageOps.exif_transpose

    def look(image: Any) -> Any:
        during.append(warnings.filters is filters and not filters)
        return looks_like(image)

    monkeypatch.setattr(ImageOps, "exif_transpose", look)

    draw(a_file(), "image/jpeg")

    assert during == [True]


def test_requests_to_a_bucket_are_signed_as_the_documentation_of_the_api_shows() -> None:
    store = S3Pictures(
        "https://examplebucket.s3.amazonaws.com", "b", "us-east-1", "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    )  # fmt: skip

    headers = store.signed("GET", "/", b"", datetime(2013, 5, 24, tzinfo=UTC))

    assert headers["x-amz-date"] == "20130524T000000Z"
    assert "/20130524/us-east-1/s3/aws4_request" in headers["authorization"]
    assert headers["x-amz-content-sha256"].startswith("e3b0c44298fc1c14")
