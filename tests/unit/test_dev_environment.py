"""What a development stack reads from its surroundings."""

from __future__ import annotations

import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.cli.dev import environment
from app.cli.dev.environment import (
    HOST,
    Ports,
    StackError,
    data_dir_from,
    free_ports,
    libpq_url,
    ports_from,
    refuse_taken_port,
    refuse_unusable_server,
    secrets_in,
)


def test_the_four_ports_are_neighbors() -> None:
    ports = ports_from({"PORT": "9100"})

    assert (ports.web, ports.live, ports.gateway, ports.billers) == (9100, 9101, 9102, 9103)


def test_without_a_port_the_usual_one_is_taken() -> None:
    assert ports_from({}) == Ports(8000)
    assert ports_from({"PORT": ""}) == Ports(8000)


@pytest.mark.parametrize("asked", ["0", "-1", "65533", "http", "8e3", "٨٠٠٠", " 80"])
def test_a_port_that_is_none_is_refused_in_one_line(asked: str) -> None:
    with pytest.raises(StackError, match="PORT must be a number") as refusal:
        ports_from({"PORT": asked})

    assert "\n" not in str(refusal.value)


def test_the_data_folder_is_absolute_wherever_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert data_dir_from({"DATA_DIR": "here"}, Path("/elsewhere")) == tmp_path.resolve() / "here"
    assert data_dir_from({}, Path("/elsewhere")) == Path("/elsewhere")


def test_a_port_in_use_is_refused_and_a_free_one_is_not() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(StackError, match=f"Port {port} for the web cannot be used"):
            refuse_taken_port(port, "web")

    refuse_taken_port(port, "web")


def test_free_ports_can_all_be_listened_on() -> None:
    ports = free_ports()

    with (
        socket.create_server((HOST, ports.web)),
        socket.create_server((HOST, ports.live)),
        socket.create_server((HOST, ports.gateway)) as gateway,
    ):
        assert gateway.getsockname()[1] == ports.web + 2


def test_secrets_are_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    first = secrets_in(tmp_path)

    assert secrets_in(tmp_path) == first
    assert stat.S_IMODE((tmp_path / "secrets.env").stat().st_mode) == 0o600
    assert set(first) == {
        "LINLI_TOKEN_KEYS",
        "LINLI_DATA_KEYS",
        "LINLI_INDEX_KEY",
        "LINLI_CODE_PEPPER",
        "STRIPE_SECRET_KEY",
        "STRIPE_WEBHOOK_SECRETS",
    }


def test_all_who_ask_for_secrets_at_once_get_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(secrets_in, [tmp_path] * 32))

    assert all(answer == answers[0] for answer in answers)
    assert [path.name for path in tmp_path.iterdir()] == ["secrets.env"]


def test_two_folders_have_different_secrets(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    assert set(secrets_in(tmp_path / "a").values()).isdisjoint(secrets_in(tmp_path / "b").values())


@pytest.mark.parametrize("url", ["postgresql+psycopg://u@h/d", "postgresql://u@h/d"])
def test_libpq_is_not_told_the_driver(url: str) -> None:
    assert libpq_url(url) == "postgresql://u@h/d"


def test_an_unreachable_server_is_refused_in_one_line_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "CONNECT_S", 1)
    port = free_ports().web

    with pytest.raises(StackError, match="cannot be reached") as refusal:
        refuse_unusable_server(f"postgresql://someone:hushhush@{HOST}:{port}/linli")

    assert "hushhush" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "url", ["nonsense", "mysql://someone:hushhush@db/linli", "postgresql://someone:hush%hush@db/linli"]
)
def test_an_address_that_is_none_is_refused_in_one_line(url: str) -> None:
    with pytest.raises(StackError, match="is not an address") as refusal:
        refuse_unusable_server(url)

    assert "hush" not in str(refusal.value)
