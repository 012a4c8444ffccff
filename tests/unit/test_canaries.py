from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Response

from app.core.verification.id_numbers import check_character
from tests.support.canaries import NAMES, canaries_in, tell_leaks

ROOT = Path(__file__).parents[2]
BODY = "11010519900307123"


@pytest.mark.parametrize(
    "kind, text",
    [
        ("phone", '{"phone": "+8613812345678"}'),
        ("phone", "called 13812345678, no answer"),
        ("token", "Authorization: Bearer abcdefghijklmnopqrstuvwxyz"),
        ("token", "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlc2lnbmF0dXJl"),
        ("code", '"sign_in_code": "123456"'),
        ("name", f"delivered to {NAMES[0]}"),
        ("ID number", f"checked {BODY}{check_character(BODY)}"),
    ],
)
def test_each_canary_is_seen(kind: str, text: str) -> None:
    assert kind in {found for found, _ in canaries_in(text)}


@pytest.mark.parametrize(
    "text",
    ["019a2b13812345678f", "phone=138****5678", '"total_fen": 13800', "order 20261126123456789012", "status code 404"],
)
def test_what_only_looks_alike_is_left_alone(text: str) -> None:
    assert list(canaries_in(text)) == []


@pytest.mark.parametrize("said, code", [("138****5678", 0), ("+86138" + "12345678", 1)], ids=["masked", "clear"])
def test_a_run_whose_only_fault_is_a_phone_number_in_its_output_fails(tmp_path: Path, said: str, code: int) -> None:
    (tmp_path / "test_it.py").write_text(f"def test_it() -> None:\n    print({said!r})\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.support.canaries", "-c", "/dev/null", "test_it.py"]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    env = {**plain, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # which take seconds to import

    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    assert done.returncode == code, done.stdout + done.stderr
    assert ("personal data in a log" in done.stdout) is bool(code)
    assert "12345678" not in done.stdout.replace("test_it", "")


@pytest.mark.parametrize(
    "body, is_leak",
    [
        ('{"detail": "Traceback (most recent call last)"}', True),
        ('{"detail": "INSERT INTO accounts VALUES (1)"}', True),
        ('{"detail": "ask a.b@example.com"}', True),
        ('{"detail": "+8613812345678 is taken"}', True),
        ('{"detail": "The phone number is not valid."}', False),
    ],
)
def test_a_refusal_that_leaks_is_told(capsys: pytest.CaptureFixture[str], body: str, *, is_leak: bool) -> None:
    tell_leaks(Response(body, status=409, mimetype="application/problem+json"))

    told = capsys.readouterr().out

    assert bool(list(canaries_in(told))) is is_leak
