"""After-sale cases and replacements as three doors show them."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema
from sqlalchemy import text

from app.core.aftersale.rules import CaseFault, CaseKind, CaseReason, ExchangeWay, Payer
from app.core.aftersale.states import CaseState, ReplacementState
from app.core.orders.states import OrderState
from app.core.proof.rules import EVIDENCE_MAX
from app.kernel.sealing import unseal
from app.kernel.wire import Row
from app.usecases.aftersale.apply import (
    APPEAL_CONTEXT,
)
from app.usecases.aftersale.cases import NOTE_CONTEXT, SOURCES
from app.usecases.aftersale.exchange import counter_code, swap_code
from app.usecases.aftersale.rule import Ruling
from app.web.fields import Body, Choice, Fen, Flag, Id, Instant, Int, Many, Quantity, Text
from app.web.paging import LIMIT_MAX, PageQuery, read_cursor
from app.web.views import COUNT_MAX, LIST_MAX, DecisionIn

NOTE_MAX = 500
LINES_MAX = 200


class AskedLineIn(Body):
    """Pieces of a line, and how much of their price; without ``amount_fen`` all of it.

    An exchange is for ``exchange_sku_id``, which costs no more; without it, for the same again.
    """

    line = Int(low=1, high=1000, required=True)
    quantity = Quantity(required=True)
    amount_fen = Fen(low=1, load_default=None, allow_none=True)
    exchange_sku_id = Id(load_default=None, allow_none=True)


class CaseIn(Body):
    """What is asked for, why, and about which lines. ``evidence`` are photos uploaded for the order."""

    kind = Choice(CaseKind, required=True)
    reason = Choice(CaseReason, required=True)
    lines = Many(fields.Nested(AskedLineIn), low=1, high=LINES_MAX, required=True)
    note = Text(high=NOTE_MAX, low=0, load_default="")
    evidence = Many(Id(), high=EVIDENCE_MAX, load_default=list)
    exchange_way = Choice(ExchangeWay, load_default=None, allow_none=True)

    @validates_schema
    def names_a_line_once(self, data: dict[str, Any], **_kwargs: object) -> None:
        """Refuse a line that is named twice."""
        lines = [one["line"] for one in data.get("lines", [])]
        if len(set(lines)) != len(lines):
            message = "field_invalid"
            raise ValidationError(message, "lines")


class CaseNoteIn(Body):
    """What the platform should know."""

    note = Text(high=NOTE_MAX, required=True)


class CaseReferenceIn(Body):
    """By what it can be followed: a waybill, or who took it."""

    reference = Text(high=200, required=True)


class ExchangeCodeIn(Body):
    """What the shop tells the courier at its counter, or the resident whoever gives the new piece for the old."""

    code = Text(low=4, high=10, required=True)


class ExchangeBackIn(Body):
    """Why the new piece came back."""

    reason = Text(high=NOTE_MAX, required=True)


class CaseAnswerIn(DecisionIn):
    """Yes, or no with a reason. With ``is_refund`` the money goes back and the goods stay."""

    is_refund = Flag(load_default=False)


class ReturnAnswerIn(DecisionIn):
    """What came back: approved when it is what was sold; ``is_resalable`` puts it on the shelf again."""

    is_resalable = Flag(load_default=False)


class RulingIn(Body):
    """What the platform decides, who is at fault (which decides who pays), and why."""

    ruling = Choice(Ruling, required=True)
    fault = Choice(CaseFault, required=True)
    amount_fen = Fen(low=1, load_default=None, allow_none=True)
    reason = Text(high=NOTE_MAX, required=True)


class CaseStandsOut(Body):
    """Where a case stands after an act on it, and what was refunded by it."""

    case_id = Id(required=True)
    order_id = Id(required=True)
    state = Choice(CaseState, required=True)
    refund_id = Id(required=True, allow_none=True)
    refund_fen = Fen(high=COUNT_MAX, required=True)


class CaseLineOut(Body):
    """What a case asks of a line, and what it got."""

    line = Int(low=1, high=1000, required=True)
    name = Text(high=200, required=True)
    option = Text(high=100, low=0, required=True)
    quantity = Quantity(required=True)
    asked_fen = Fen(high=COUNT_MAX, required=True)
    refund_fen = Fen(high=COUNT_MAX, required=True)
    exchange_sku_id = Id(required=True, allow_none=True)
    exchange_name = Text(high=200, required=True, allow_none=True)
    exchange_option = Text(high=100, low=0, required=True, allow_none=True)


class CaseOut(Body):
    """A case as all its parties see it. ``due_at`` is when time acts for whoever has to.

    ``evidence`` are ids of photos, shown at ``/photos/{photo_id}`` of the same door.
    """

    case_id = Id(required=True)
    order_id = Id(required=True)
    number = Text(high=20, required=True)
    shop_id = Id(required=True)
    kind = Choice(CaseKind, required=True)
    reason = Choice(CaseReason, required=True)
    state = Choice(CaseState, required=True)
    asked_fen = Fen(high=COUNT_MAX, required=True)
    refund_fen = Fen(high=COUNT_MAX, required=True)
    note = Text(high=NOTE_MAX, required=True, allow_none=True)
    evidence = Many(Text(high=200), high=EVIDENCE_MAX, required=True)
    answer = Text(high=NOTE_MAX, required=True, allow_none=True)
    appeal = Text(high=NOTE_MAX, required=True, allow_none=True)
    return_reference = Text(high=200, required=True, allow_none=True)
    replacement_reference = Text(high=200, required=True, allow_none=True)
    fault = Choice(CaseFault, required=True, allow_none=True)
    payer = Choice(Payer, required=True, allow_none=True)
    ruling = Text(high=NOTE_MAX, required=True, allow_none=True)
    exchange_way = Choice(ExchangeWay, required=True, allow_none=True)
    difference_fen = Fen(high=COUNT_MAX, required=True)
    carriage_fen = Fen(high=COUNT_MAX, required=True)
    carriage_payer = Choice(Payer, required=True, allow_none=True)
    applied_at = Instant(required=True)
    due_at = Instant(required=True, allow_none=True)
    ended_at = Instant(required=True, allow_none=True)
    lines = Many(fields.Nested(CaseLineOut), high=LIST_MAX, required=True)


class OwnCaseOut(CaseOut):
    """One's case. ``swap_code`` is for whoever gives the new piece for the old one."""

    swap_code = Text(high=10, required=True, allow_none=True)


class CasesOut(Body):
    """A page of cases, newest first."""

    items = Many(fields.Nested(OwnCaseOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class CaseSourcesOut(Body):
    """From where a refund came, fen; the parts sum to it."""

    escrow_fen = Fen(high=COUNT_MAX, required=True)
    pending_fen = Fen(high=COUNT_MAX, required=True)
    available_fen = Fen(high=COUNT_MAX, required=True)
    debt_fen = Fen(high=COUNT_MAX, required=True)
    commission_fen = Fen(high=COUNT_MAX, required=True)
    platform_fen = Fen(high=COUNT_MAX, required=True)


class BorneCaseOut(CaseOut):
    """A case as the shop and the platform see it: with who bore what."""

    sources = fields.Nested(CaseSourcesOut, required=True)


class ShopCaseOut(BorneCaseOut):
    """A case as the shop sees it. ``counter_code`` is for the courier who comes for the new piece."""

    counter_code = Text(high=10, required=True, allow_none=True)


class ShopCasesOut(Body):
    """A page of cases, newest first."""

    items = Many(fields.Nested(ShopCaseOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class BorneCasesOut(Body):
    """A page of cases, newest first."""

    items = Many(fields.Nested(BorneCaseOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class CasesQuery(PageQuery):
    """Cases, newest first, of one state or of all."""

    state = Choice(CaseState, load_default=None)


class ReplacementIn(Body):
    """A SKU of the shop for a line that it lacks; it is never charged more than the line."""

    line = Int(low=1, high=1000, required=True)
    sku_id = Id(required=True)
    quantity = Quantity(required=True)


class ReplacementAnswerIn(Body):
    """Take it, or have the money."""

    is_accepted = Flag(required=True)


class ReplacementStandsOut(Body):
    """Where a replacement and its order stand."""

    replacement_id = Id(required=True)
    order_id = Id(required=True)
    state = Choice(ReplacementState, required=True)
    order_state = Choice(OrderState, required=True)
    refund_fen = Fen(high=COUNT_MAX, required=True)


class ReplacementOut(Body):
    """A replacement that is, or was, offered."""

    replacement_id = Id(required=True)
    line = Int(low=1, high=1000, required=True)
    sku_id = Id(required=True)
    name = Text(high=200, required=True)
    option = Text(high=100, low=0, required=True)
    unit_price_fen = Fen(required=True)
    quantity = Quantity(required=True)
    state = Choice(ReplacementState, required=True)
    due_at = Instant(required=True)


class ReplacementsOut(Body):
    """Replacements of one order, oldest first."""

    items = Many(fields.Nested(ReplacementOut), high=LIST_MAX, required=True)


_CARRIED_WAYS = frozenset({ExchangeWay.COURIER, ExchangeWay.STORE})
_PLAIN = (
    "case_id", "order_id", "number", "shop_id", "kind", "reason", "state", "asked_fen", "refund_fen", "evidence",
    "answer", "return_reference", "replacement_reference", "fault", "payer", "ruling", "exchange_way",
    "difference_fen", "carriage_fen", "carriage_payer", "applied_at", "due_at", "ended_at", "lines",
)  # fmt: skip
_CASES = f"""
    SELECT c.case_id, c.order_id, o.number, c.account_id, c.shop_id, c.kind, c.reason, c.state, c.asked_fen,
        c.refund_fen, c.note_sealed, c.evidence, c.answer, c.appeal_sealed, c.return_reference,
        c.replacement_reference, c.fault, c.payer, c.ruling, c.exchange_way, c.difference_fen, c.carriage_fen,
        c.carriage_payer, c.applied_at, c.due_at, c.ended_at,
        {", ".join(f"c.from_{source}_fen" for source in SOURCES)},
        (SELECT json_agg(json_build_object('line', x.line, 'name', l.name, 'option', l.option, 'quantity', x.quantity,
            'asked_fen', x.asked_fen, 'refund_fen', x.refund_fen, 'exchange_sku_id', x.exchange_sku_id,
            'exchange_name', x.exchange_name, 'exchange_option', x.exchange_option) ORDER BY x.line)
         FROM after_sale_case_lines AS x JOIN order_lines AS l ON l.order_id = x.order_id AND l.line = x.line
         WHERE x.case_id = c.case_id) AS lines
    FROM after_sale_cases AS c JOIN orders AS o ON o.order_id = c.order_id
"""
_PAGE = """
    AND c.case_id < :before AND (CAST(:state AS text) IS NULL OR c.state = :state) ORDER BY c.case_id DESC LIMIT :limit
"""
_MEMBER = """
    JOIN memberships AS m ON m.organization_id = c.merchant_id AND m.organization_kind = 'merchant'
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
"""
OWN_CASES = text(f"{_CASES} WHERE c.account_id = :account_id {_PAGE}")
OWN_CASE = text(f"{_CASES} WHERE c.account_id = :account_id AND c.case_id = :case_id")
SHOP_CASES = text(f"{_CASES} {_MEMBER} WHERE c.shop_id = :shop_id {_PAGE}")
SHOP_CASE = text(f"{_CASES} {_MEMBER} WHERE c.case_id = :case_id")
ALL_CASES = text(f"{_CASES} WHERE true {_PAGE}")
ANY_CASE = text(f"{_CASES} WHERE c.case_id = :case_id")
IS_MEMBER = text(
    """
    SELECT 1 FROM shops AS s
    JOIN memberships AS m ON m.organization_id = s.merchant_id AND m.organization_kind = 'merchant'
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
    WHERE s.shop_id = :shop_id
    """
)
REPLACEMENTS = text(
    """
    SELECT r.replacement_id, r.line, r.sku_id, r.name, r.option, r.unit_price_fen, r.quantity, r.state, r.due_at
    FROM orders AS o LEFT JOIN replacements AS r ON r.order_id = o.order_id
    WHERE o.order_id = :order_id AND o.account_id = :account_id ORDER BY r.replacement_id LIMIT 200
    """
)


def shown_case(row: Row) -> dict[str, Any]:
    """Return a case as every party of it sees it."""
    return {
        **{name: getattr(row, name) for name in _PLAIN},
        "note": None if row.note_sealed is None else unseal(row.note_sealed, context=NOTE_CONTEXT),
        "appeal": None if row.appeal_sealed is None else unseal(row.appeal_sealed, context=APPEAL_CONTEXT),
    }


def borne_case(row: Row) -> dict[str, Any]:
    """Return a case with who bore what."""
    return {**shown_case(row), "sources": {f"{source}_fen": getattr(row, f"from_{source}_fen") for source in SOURCES}}


def own_case(row: Row) -> dict[str, Any]:
    """Return a case as its resident sees it."""
    is_told = row.exchange_way in _CARRIED_WAYS and row.state in {CaseState.EXCHANGING, CaseState.CARRIED}
    return {**shown_case(row), "swap_code": swap_code(row.case_id) if is_told else None}


def shop_case(row: Row) -> dict[str, Any]:
    """Return a case as its shop sees it."""
    is_told = row.exchange_way == ExchangeWay.COURIER and row.state == CaseState.EXCHANGING
    return {**borne_case(row), "counter_code": counter_code(row.case_id) if is_told else None}


def case_page(query: dict[str, Any]) -> dict[str, object]:
    """Return what a page of cases is asked for by; one row more than is shown."""
    return {"before": read_cursor(query["cursor"]), "state": query["state"], "limit": query["limit"] + 1}
