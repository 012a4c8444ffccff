"""Looking people and orders up: behind a reason, as an act, and in order of time and money, ``/platform/v1``."""

from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.accounts.models import AccountState
from app.core.operating.errors import SearchNeedsOne, WorkNotFound
from app.core.orders.errors import OrderNotFound
from app.core.privacy.visibility import mask_name, mask_phone
from app.kernel import audit
from app.kernel.actor import Actor
from app.kernel.sealing import unseal
from app.kernel.transaction import read, transaction
from app.platform.schemas import Why
from app.usecases.people.phones import PHONE_CONTEXT, normalize_phone, phone_index
from app.web.door import Door
from app.web.fields import Body, Choice, Id, Instant, Int, Many, Query, Text
from app.web.policy import Relation, policy
from app.web.views import COUNT_MAX

FOUND_MAX = 20
NAME_CONTEXT = "accounts.name"
LINES_MAX = 200

_FIND = text(
    """
    SELECT a.account_id, a.phone_sealed, a.name_sealed, a.state, a.verification_level, a.created_at,
        (SELECT count(*) FROM orders AS o WHERE o.account_id = a.account_id) AS order_count
    FROM accounts AS a
    WHERE a.account_id = CAST(:account_id AS uuid) OR a.phone_index = CAST(:phone_index AS bytea)
       OR a.account_id = (SELECT o.account_id FROM orders AS o WHERE o.order_id = CAST(:order_id AS uuid))
    LIMIT :limit
    """
)
_HAS_ACCOUNT = text("SELECT account_id FROM accounts WHERE account_id = :account_id")
_TIMELINE = text(
    f"""
    SELECT * FROM (
        (SELECT o.placed_at AS at, 'order' AS kind, o.state AS word, o.order_id AS subject_id, o.total_fen AS amount_fen
         FROM orders AS o WHERE o.account_id = :account_id ORDER BY o.order_id DESC LIMIT {LINES_MAX})
        UNION ALL
        (SELECT s.posted_at, 'money', s.kind, NULL, s.amount_fen FROM ledger.statement AS s
         WHERE s.code = 'e_account:' || CAST(:account_id AS text) ORDER BY s.seq DESC LIMIT {LINES_MAX})
        UNION ALL
        (SELECT r.requested_at, 'refund', r.state, r.refund_id, r.amount_fen FROM refunds AS r
         WHERE r.account_id = :account_id ORDER BY r.refund_id DESC LIMIT {LINES_MAX})
        UNION ALL
        (SELECT c.applied_at, 'case', c.state, c.case_id, c.asked_fen FROM after_sale_cases AS c
         WHERE c.account_id = :account_id ORDER BY c.case_id DESC LIMIT {LINES_MAX})
        UNION ALL
        (SELECT d.done_at, 'desk', d.kind, d.till_act_id, coalesce(-d.account_fen, d.amount_fen) FROM till_acts AS d
         WHERE d.account_id = :account_id ORDER BY d.till_act_id DESC LIMIT {LINES_MAX})
        UNION ALL
        (SELECT f.opened_at, 'verification', f.state, f.face_check_id, NULL FROM face_checks AS f
         WHERE f.account_id = :account_id ORDER BY f.face_check_id DESC LIMIT {LINES_MAX})
    ) AS t ORDER BY at DESC LIMIT {LINES_MAX}
    """
)
_MONEY = text(
    f"""
    SELECT l.posted_at AS at, l.kind, l.code AS account, l.amount_fen, l.journal_id, o.order_id AS of_order_id
    FROM orders AS o LEFT JOIN ledger.record AS e ON e.code = 'escrow:' || o.order_id
    LEFT JOIN LATERAL (SELECT g.* FROM ledger.leg AS g WHERE g.journal_id = e.journal_id) AS l ON true
    WHERE o.order_id = :order_id ORDER BY l.journal_id, l.code LIMIT {LINES_MAX}
    """
)


class SearchIn(Body):
    """Whom one looks for, by one of three, and why: a reference such as a case number, which the audit log keeps."""

    phone = Text(high=20, load_default=None, allow_none=True)
    order_id = Id(load_default=None, allow_none=True)
    account_id = Id(load_default=None, allow_none=True)
    why = Why()


class FoundOut(Body):
    """A person, masked."""

    account_id = Id(required=True)
    masked_phone = Text(high=20, low=0, required=True)
    masked_name = Text(high=20, required=True, allow_none=True)
    state = Choice(AccountState, required=True)
    verification_level = Int(low=0, high=3, required=True)
    created_at = Instant(required=True)
    order_count = Int(low=0, high=COUNT_MAX, required=True)


class FoundsOut(Body):
    """Who was found."""

    items = Many(fields.Nested(FoundOut), high=FOUND_MAX, required=True)


class ReasonQuery(Query):
    """Why one looks: a reference, which the audit log keeps."""

    why = Why()


class LifeLineOut(Body):
    """Something that happened; money is above zero where it came to the person's e-account."""

    at = Instant(required=True)
    kind = Text(high=20, required=True)
    word = Text(high=50, required=True)
    subject_id = Id(required=True, allow_none=True)
    amount_fen = Int(low=-COUNT_MAX, high=COUNT_MAX, required=True, allow_none=True)


class LifeOut(Body):
    """What happened around a person, newest first."""

    account_id = Id(required=True)
    items = Many(fields.Nested(LifeLineOut), high=LINES_MAX, required=True)


class MoneyLineOut(Body):
    """One leg of a journal of the order's escrow."""

    at = Instant(required=True)
    kind = Text(high=50, required=True)
    account = Text(high=100, required=True)
    amount_fen = Int(low=-COUNT_MAX, high=COUNT_MAX, required=True)
    journal_id = Int(low=1, high=COUNT_MAX, required=True)


class OrderMoneyOut(Body):
    """Every journal that touched the order's escrow, with all its legs, oldest first."""

    order_id = Id(required=True)
    items = Many(fields.Nested(MoneyLineOut), high=LINES_MAX, required=True)


def add_looking(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.post("/searches", body=SearchIn, answer=FoundsOut)
    @policy("party.search", Relation.PLATFORM)
    def search_people(actor: Actor, *, body: dict[str, Any]) -> dict[str, Any]:
        """Look for a person by phone, order or account, for a reason that the audit log keeps."""
        named = [name for name in ("phone", "order_id", "account_id") if body[name] is not None]
        if len(named) != 1:
            raise SearchNeedsOne(pointer="/phone")
        index = phone_index(normalize_phone(body["phone"])) if body["phone"] else None
        params = {"account_id": body["account_id"], "order_id": body["order_id"], "phone_index": index}
        with transaction() as tx:
            rows = tx.execute(_FIND, {**params, "limit": FOUND_MAX}).fetchall()
            whom_id = rows[0].account_id if rows else None
            details = {"by": named[0], "found": len(rows)}
            audit.record(tx, actor, "party.search", subject_kind="account", whom_id=whom_id, why=body["why"],
                         details=details)  # fmt: skip
        return {"items": [_found(row) for row in rows]}

    @door.get("/accounts/<uuid:account_id>/timeline", query=ReasonQuery, answer=LifeOut)
    @policy("party.search", Relation.PLATFORM)
    def read_life(actor: Actor, *, account_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
        """Read what happened around a person, in order and money, for a reason that the audit log keeps."""
        with transaction() as tx:
            if tx.execute(_HAS_ACCOUNT, {"account_id": account_id}).first() is None:
                raise WorkNotFound
            rows = tx.execute(_TIMELINE, {"account_id": account_id}).fetchall()
            audit.record(tx, actor, "party.timeline", subject_kind="account", subject_id=account_id,
                         whom_id=account_id, why=query["why"])  # fmt: skip
        return {"account_id": account_id, "items": [dict(row._mapping) for row in rows]}

    @door.get("/orders/<uuid:order_id>/money", answer=OrderMoneyOut)
    @policy("books.read", Relation.PLATFORM)
    def read_order_money(_actor: Actor, *, order_id: UUID) -> dict[str, Any]:
        """Read every journal of an order's escrow with its legs, oldest first."""
        rows = read(_MONEY, {"order_id": order_id}).fetchall()
        if not rows:
            raise OrderNotFound
        names = ("at", "kind", "account", "amount_fen", "journal_id")
        lines = [{name: getattr(row, name) for name in names} for row in rows if row.journal_id is not None]
        return {"order_id": order_id, "items": lines}


def _found(row: Any) -> dict[str, Any]:
    phone = unseal(row.phone_sealed, context=PHONE_CONTEXT) if row.phone_sealed else ""
    name = unseal(row.name_sealed, context=NAME_CONTEXT) if row.name_sealed else None
    names = ("account_id", "state", "verification_level", "created_at", "order_count")
    return {
        **{one: getattr(row, one) for one in names},
        "masked_phone": mask_phone(phone) if phone else "",
        "masked_name": None if name is None else mask_name(name),
    }
