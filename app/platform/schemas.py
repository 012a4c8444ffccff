"""What operators send and see."""

from enum import StrEnum

from marshmallow import fields

from app.core.approvals.models import ApprovalKind, ApprovalState
from app.core.delivery.incidents import IncidentKind
from app.core.delivery.models import Vehicle
from app.core.delivery.pay import RATE_FEN_MAX
from app.core.delivery.states import DeliveryState, DispatchMode, IncidentState, TripState
from app.core.orders.states import OrderState
from app.kernel.actor import Side
from app.kernel.audit import Outcome
from app.web.fields import Body, Choice, Day, Fen, Flag, Id, Instant, Int, Many, Pattern, Query, Text
from app.web.paging import LIMIT_MAX, PageQuery
from app.web.views import COUNT_MAX, LIST_MAX, OrderCore


class OrdersQuery(PageQuery):
    """All orders, newest first."""

    state = Choice(OrderState, load_default=None)
    shop_id = Id(load_default=None)


class OrderOut(OrderCore):
    """An order with the ids of its parties."""

    account_id = Id(required=True)
    merchant_id = Id(required=True)
    community_id = Id(required=True)
    store_id = Id(required=True)


class OrdersOut(Body):
    """A page of orders."""

    items = Many(fields.Nested(OrderOut), high=LIST_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class DispatchModeIn(Body):
    """How trips find their couriers."""

    mode = Choice(DispatchMode, required=True)


class DispatchModeOut(Body):
    """How a community's trips find their couriers now."""

    community_id = Id(required=True)
    mode = Choice(DispatchMode, required=True)


class TariffIn(Body):
    """What a trip pays.

    For itself, each further order, each begun 500 m beyond 1,000 m, each floor climbed on foot, at night, and for the
    weather until ``bad_weather_until``.
    """

    base_fen = Fen(high=RATE_FEN_MAX, required=True)
    drop_fen = Fen(high=RATE_FEN_MAX, required=True)
    step_fen = Fen(high=RATE_FEN_MAX, required=True)
    floor_fen = Fen(high=RATE_FEN_MAX, required=True)
    night_fen = Fen(high=RATE_FEN_MAX, required=True)
    weather_fen = Fen(high=RATE_FEN_MAX, required=True)
    bad_weather_until = Instant(load_default=None, allow_none=True)


class TariffOut(TariffIn):
    """What a community's trips pay from now on."""

    community_id = Id(required=True)
    bad_weather_until = Instant(required=True, allow_none=True)


class TaskOut(Body):
    """A trip of a zone that waits or is under way."""

    trip_id = Id(required=True)
    community_id = Id(required=True)
    state = Choice(TripState, required=True)
    delivery_state = Choice(DeliveryState, required=True, allow_none=True)
    courier_id = Id(required=True, allow_none=True)
    order_count = Int(low=1, high=100, required=True)
    pay_fen = Fen(required=True)
    expected_ready_at = Instant(required=True)
    promised_at = Instant(required=True, allow_none=True)
    created_at = Instant(required=True)


class OnShiftOut(Body):
    """A courier on shift and what they carry; where they are is not told."""

    courier_id = Id(required=True)
    vehicle = Choice(Vehicle, required=True)
    active_trips = Int(low=0, high=100, required=True)
    active_weight_g = Int(low=0, high=COUNT_MAX, required=True)
    is_on_break = Flag(required=True)
    is_silent = Flag(required=True)
    needs_help = Flag(required=True)
    ends_at = Instant(required=True, allow_none=True)


class BoardOut(Body):
    """Oldest trips first, at most 200; couriers, at most 500."""

    tasks = Many(fields.Nested(TaskOut), high=200, required=True)
    couriers = Many(fields.Nested(OnShiftOut), high=500, required=True)


class IncidentsQuery(Query):
    """Cases that are not closed."""

    limit = Int(low=1, high=LIMIT_MAX, load_default=50)


class IncidentOut(Body):
    """A case, with the place where it was reported."""

    incident_id = Id(required=True)
    courier_id = Id(required=True)
    store_id = Id(required=True)
    trip_id = Id(required=True, allow_none=True)
    kind = Choice(IncidentKind, required=True)
    is_sos = Flag(required=True)
    state = Choice(IncidentState, required=True)
    note = Text(high=500, required=True, allow_none=True)
    geo_uri = Text(high=100, required=True, allow_none=True)
    opened_at = Instant(required=True)


class IncidentsOut(Body):
    """Calls for help first, then the oldest."""

    items = Many(fields.Nested(IncidentOut), high=LIST_MAX, required=True)


class OutcomeIn(Body):
    """What came of a case."""

    outcome = Text(high=500, required=True)


class AppealOut(Body):
    """A rating that waits for a decision."""

    rating_id = Id(required=True)
    order_id = Id(required=True)
    courier_id = Id(required=True)
    stars = Int(low=1, high=5, required=True)
    marks = Many(Text(high=20), high=7, required=True)
    appeal = Text(high=500, required=True)
    appealed_at = Instant(required=True)


class AppealsOut(Body):
    """A page of appeals."""

    items = Many(fields.Nested(AppealOut), high=LIST_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class RatingDecisionIn(Body):
    """Whether the rating is folded, and why."""

    is_folded = Flag(required=True)
    reason = Text(high=500, required=True)


class ZoneOut(Body):
    """A zone now. Deliveries are those of the last seven days; ``gini`` is of their trips per hour on shift."""

    store_id = Id(required=True)
    open_trips = Int(low=0, high=COUNT_MAX, required=True)
    offered_trips = Int(low=0, high=COUNT_MAX, required=True)
    oldest_open_at = Instant(required=True, allow_none=True)
    couriers_on_shift = Int(low=0, high=COUNT_MAX, required=True)
    couriers_silent = Int(low=0, high=COUNT_MAX, required=True)
    active_trips = Int(low=0, high=COUNT_MAX, required=True)
    delivered_count = Int(low=0, high=COUNT_MAX, required=True)
    delivered_by_promise_count = Int(low=0, high=COUNT_MAX, required=True)
    gini = fields.Float(required=True, allow_none=True)


class PartyKind(StrEnum):
    """Whom to list."""

    MERCHANT = "merchant"
    COURIER = "courier"
    STORE = "store"


class PartiesQuery(PageQuery):
    """Parties of one kind, newest first."""

    kind = Choice(PartyKind, required=True)


class PartyOut(Body):
    """A merchant, courier or store; people are shown by id."""

    party_id = Id(required=True)
    name = Text(high=100, low=0, required=True)
    state = Text(high=20, required=True)
    order_count = Int(low=0, high=COUNT_MAX, required=True)


class PartiesOut(Body):
    """A page of parties."""

    items = Many(fields.Nested(PartyOut), high=LIST_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class TrialLineOut(Body):
    """The sum of all accounts of one kind; positive is what we owe."""

    kind = Text(high=50, required=True)
    accounts = Int(low=0, high=COUNT_MAX, required=True)
    balance_fen = Int(low=-COUNT_MAX, high=COUNT_MAX, required=True)
    held_fen = Int(low=-COUNT_MAX, high=COUNT_MAX, required=True)


class BooksOut(Body):
    """The trial balance; ``balance_fen`` of all lines add up to zero."""

    items = Many(fields.Nested(TrialLineOut), high=LIST_MAX, required=True)
    total_fen = Int(low=-COUNT_MAX, high=COUNT_MAX, required=True)


class FindingOut(Body):
    """Something that is wrong with the books."""

    check = Text(high=100, required=True)
    count = Int(low=-COUNT_MAX, high=COUNT_MAX, required=True)


class ProofOut(Body):
    """The books, proven now: sums, balances, holds, keys and every hash chain."""

    is_sound = Flag(required=True)
    findings = Many(fields.Nested(FindingOut), high=LIST_MAX, required=True)
    proven_at = Instant(required=True)


class Why(Pattern):
    """A reference to where the reason stands, such as a case number: no free text gets into the audit log."""

    def __init__(self, *, allow_none: bool = False) -> None:
        super().__init__(r"[A-Za-z0-9][A-Za-z0-9._/#:-]{0,63}", high=64, required=True, allow_none=allow_none)


class Account(Pattern):
    """The code of a ledger account."""

    def __init__(self) -> None:
        super().__init__(r"[a-z_]{1,40}(:[a-z0-9-]{1,40})?", high=81, required=True)


class CorrectionIn(Body):
    """How much moves from one account to another."""

    from_account = Account()
    to_account = Account()
    amount_fen = Fen(low=1, required=True)
    why = Why()


class CommissionRateIn(Body):
    """A rate in basis points, from a day in Shanghai on."""

    shop_id = Id(required=True)
    commission_bp = Int(low=0, high=10_000, required=True)
    starts_on = Day(required=True)
    why = Why()


class StaffRole(StrEnum):
    """What one may be at the platform."""

    REVIEWER = "reviewer"
    FINANCE = "finance"
    SUPPORT = "support"
    ADMIN = "admin"


class StaffRoleIn(Body):
    """Whose role, and which; null takes it away."""

    account_id = Id(required=True)
    role = Choice(StaffRole, required=True, allow_none=True)
    why = Why()


class ApprovalMovedOut(Body):
    """Where a request stands."""

    approval_id = Id(required=True)
    kind = Choice(ApprovalKind, required=True)
    state = Choice(ApprovalState, required=True)


class ApprovalsQuery(PageQuery):
    """Requests, newest first."""

    state = Choice(ApprovalState, load_default=None)


class ApprovalOut(ApprovalMovedOut):
    """Who asked for what, until when, and who decided."""

    body = fields.Dict(keys=fields.String(), values=fields.Raw(allow_none=True), required=True)
    why = Text(high=64, required=True)
    requested_by = Id(required=True)
    requested_at = Instant(required=True)
    expires_at = Instant(required=True)
    decided_by = Id(required=True, allow_none=True)
    decided_at = Instant(required=True, allow_none=True)


class ApprovalsOut(Body):
    """A page of requests."""

    items = Many(fields.Nested(ApprovalOut), high=LIST_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class StaffMemberOut(Body):
    """A member of the platform; people are shown by id."""

    account_id = Id(required=True)
    role = Choice(StaffRole, required=True)
    created_at = Instant(required=True)


class StaffOut(Body):
    """A page of members."""

    items = Many(fields.Nested(StaffMemberOut), high=LIST_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


EXPORT_ROWS_MAX = 10_000
PLACE_MAX = 10**18 - 1


class ActFilters(Query):
    """Which acts of the audit log; what is left out does not narrow."""

    account_id = Id(load_default=None)
    subject_id = Id(load_default=None)
    whom_id = Id(load_default=None)
    verb = Pattern(r"[a-z_.]{1,64}", high=64, load_default=None)
    side = Choice(Side, load_default=None)
    outcome = Choice(Outcome, load_default=None)
    since = Instant(load_default=None)
    until = Instant(load_default=None)
    spans = (("since", "until"),)


class ActsQuery(ActFilters):
    """Acts in the order of the chain, after a place in it."""

    after = Int(low=0, high=PLACE_MAX, load_default=0)
    limit = Int(low=1, high=LIMIT_MAX, load_default=50)


class ExportFormat(StrEnum):
    """How the log is written out."""

    CSV = "csv"
    JSON_LINES = "jsonl"


class ActsExportQuery(ActFilters):
    """A part of the log as a file; the header ``Next-After`` says where the next part begins."""

    format = Choice(ExportFormat, load_default="jsonl")
    after = Int(low=0, high=PLACE_MAX, load_default=0)
    limit = Int(low=1, high=EXPORT_ROWS_MAX, load_default=EXPORT_ROWS_MAX)


class ActOut(Body):
    """Who did what, on what, to whom, from where, why, and how it ended; ``head`` is the chain's value at this act."""

    seq = Int(low=1, high=PLACE_MAX, required=True)
    act_id = Id(required=True)
    acted_at = Instant(required=True)
    account_id = Id(required=True, allow_none=True)
    session_id = Id(required=True, allow_none=True)
    side = Text(high=20, required=True)
    verb = Text(high=64, required=True)
    subject_kind = Text(high=64, required=True, allow_none=True)
    subject_id = Id(required=True, allow_none=True)
    whom_id = Id(required=True, allow_none=True)
    network = Text(high=64, required=True, allow_none=True)
    why = Text(high=64, required=True, allow_none=True)
    outcome = Choice(Outcome, required=True)
    details = fields.Dict(keys=fields.String(), values=fields.Raw(allow_none=True), required=True)
    head = Text(high=64, required=True)


class ActsOut(Body):
    """A part of the log; ``next_after`` is null when there is no more."""

    items = Many(fields.Nested(ActOut), high=LIST_MAX, required=True)
    next_after = Int(low=1, high=PLACE_MAX, required=True, allow_none=True)


class LogFindingOut(Body):
    """Something that is wrong with the audit log, and where."""

    finding = Text(high=50, required=True)
    seq = Int(low=0, high=PLACE_MAX, required=True, allow_none=True)
    act_id = Id(required=True, allow_none=True)


class LogProofOut(Body):
    """The audit log, proven now; note ``sealed`` and ``head`` elsewhere, and it can be proven from there later."""

    is_sound = Flag(required=True)
    sealed = Int(low=0, high=COUNT_MAX, required=True)
    waiting = Int(low=0, high=COUNT_MAX, required=True)
    head = Text(high=64, required=True, allow_none=True)
    findings = Many(fields.Nested(LogFindingOut), high=LIST_MAX, required=True)
