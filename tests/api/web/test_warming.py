"""A web process that warms up leaves nothing behind, and what it plans is what crowds begin with."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.kernel import transaction
from app.kernel.db import db
from app.web import warming
from tests.factories.rows import look_one

if TYPE_CHECKING:
    from flask import Flask

_LEFT = (
    "SELECT (SELECT count(*) FROM idempotency_keys) + (SELECT count(*) FROM audit.act) + (SELECT count(*) FROM outbox)"
)


def test_it_leaves_nothing_behind_and_says_nothing(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    before = look_one(_LEFT)

    with caplog.at_level(logging.WARNING):
        warming.warm_up(app)

    assert look_one(_LEFT) == before
    assert caplog.records == []


def test_every_statement_that_crowds_begin_with_can_be_planned(app: Flask) -> None:
    assert len(transaction._crowded) > 0

    with app.app_context():
        transaction.plan_ahead(db.engine)


def test_a_statement_that_cannot_be_planned_is_said(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transaction, "_crowded", [text("SELECT nothing FROM nowhere")])

    with app.app_context(), pytest.raises(DBAPIError, match="nowhere"):
        transaction.plan_ahead(db.engine)


def test_a_process_whose_database_does_not_answer_begins_cold(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transaction, "_crowded", [text("SELECT nothing FROM nowhere")])
    asked: list[str] = []
    monkeypatch.setattr(warming, "_ask", lambda _app, token: asked.append(token))

    warming.warm_up(app)

    assert asked == []
