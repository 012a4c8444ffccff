from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from openapi_spec_validator import validate

from app.web.application import CROWDED
from app.web.messages import catalog
from tests.support.ladder import assert_problem

if TYPE_CHECKING:
    from flask.testing import FlaskClient


class TestPages:
    def test_who_waited_for_a_place_in_vain_is_told_to_come_again(self, client: FlaskClient) -> None:
        answer = client.get("/health", environ_overrides={CROWDED: True})

        assert_problem(answer, 503, "busy")
        assert answer.headers["Retry-After"] == "1"

    def test_health_asks_the_database(self, client: FlaskClient) -> None:
        assert client.get("/health").get_json()["status"] == "ok"

    def test_the_openapi_document_is_valid(self, client: FlaskClient) -> None:
        document = client.get("/openapi.json").get_json()

        validate(document)

        assert document["openapi"].startswith("3.1")

    def test_the_readable_docs_need_no_script_and_no_other_host(self, client: FlaskClient) -> None:
        response = client.get("/docs")

        assert response.status_code == 200
        assert "<script" not in response.text
        assert "src=" not in response.text
        assert "https://" not in response.text
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]

    @pytest.mark.parametrize("code", sorted(code for code, words in catalog("en").items() if "title" in words))
    def test_every_problem_is_explained_at_its_address(self, client: FlaskClient, code: str) -> None:
        response = client.get(f"/problems/{code}")

        assert response.status_code == 200
        assert catalog("zh")[code]["title"].split("{")[0] in response.text

    @pytest.mark.parametrize("code", ["field_required", "nothing", "<b>", "..%2f..%2fetc%2fpasswd"])
    def test_what_is_no_problem_is_not_explained(self, client: FlaskClient, code: str) -> None:
        response = client.get(f"/problems/{code}")

        assert response.status_code == 404

    def test_a_path_that_nobody_serves_is_a_problem_document_too(self, client: FlaskClient) -> None:
        assert_problem(client.get("/nowhere"), 404, "route_not_found")

    def test_a_method_that_is_not_allowed_says_which_are(self, client: FlaskClient) -> None:
        response = client.delete("/health")

        assert_problem(response, 405, "method_not_allowed")
        assert "GET" in response.headers["Allow"]
