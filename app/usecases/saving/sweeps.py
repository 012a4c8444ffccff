"""The automatic sweep (自动转入): what stands on an e-account above what its owner keeps there goes into the fund.

Once a day for each rule, in batches: one journal for up to :data:`BATCH` people. A rule's row says the last day it was
looked at, so a run that broke off goes on, and one that is over finds nothing.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import text

from app.core import ledger
from app.core.ledger import InsufficientFunds, JournalKind, codes
from app.core.verification.levels import WEALTH_LEVEL_MIN, require_level
from app.core.wealth.dates import TradeDates, today, trade_dates
from app.core.wealth.errors import CalendarUnknown, FundNotFound
from app.core.wealth.suitability import QUESTIONNAIRE_VERSION, require_suitable
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.transaction import Claim, Transaction, closing, opening, read, transaction
from app.kernel.wire import Row
from app.usecases.paying.confirmed import EXPECT_GRANT_USED, GRANT_REFUSED, USE_GRANT, confirmed_by
from app.usecases.saving import journals
from app.usecases.saving.grants import JOIN_GRANT, asked_with
from app.usecases.saving.orders import TRADING_DAYS
from app.usecases.saving.suitability import PROFILE, assessment_in, consents_in

BATCH = 400
SWEEPERS = 2
"""Threads that sweep at once, each with a connection: nearly all of the time is PostgreSQL's."""
NOBODY = UUID(int=0)

_TO_SET = opening(
    f"""
    SELECT f.fund_id, f.risk_level, a.verification_level, g.factor AS grant_factor, business_now() AS now, {PROFILE}
    FROM funds AS f JOIN accounts AS a ON a.account_id = :account_id
    {JOIN_GRANT}
    WHERE f.fund_id = :subject_id
    """
)
_SET = closing(
    f"""
    ruled AS (
        INSERT INTO sweep_rules (account_id, fund_id, keep_fen, is_pull_back, set_at, swept_on)
        VALUES (:account_id, :fund_id, :keep_fen, :is_pull_back, business_now(), CAST(:today AS date) - 1)
        ON CONFLICT (account_id) DO UPDATE SET fund_id = excluded.fund_id, keep_fen = excluded.keep_fen,
            is_pull_back = excluded.is_pull_back, set_at = excluded.set_at
    ), {USE_GRANT}""",
    expecting=EXPECT_GRANT_USED,
)
_DROP = text("DELETE FROM sweep_rules WHERE account_id = :account_id")
_MINE = text("SELECT fund_id, keep_fen, is_pull_back, set_at FROM sweep_rules WHERE account_id = :account_id")
_FUND = text(
    f"SELECT minimum_fen, risk_level, business_now() AS now, {TRADING_DAYS} FROM funds WHERE fund_id = :fund_id"
)
_FUNDS = text(
    """
    SELECT f.fund_id FROM funds AS f WHERE EXISTS (SELECT 1 FROM sweep_rules AS r WHERE r.fund_id = f.fund_id
        AND r.swept_on < CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date)) LIMIT 100
    """
)
_LOCK = text(
    """
    SELECT r.account_id, r.keep_fen, a.verification_level >= :level_min AND a.state = 'active' AND (
        SELECT s.level FROM risk_assessments AS s WHERE s.account_id = r.account_id AND s.expires_on > :today
            AND s.questionnaire_version = :version AND s.level >= :risk_level LIMIT 1) IS NOT NULL AS is_suited
    FROM sweep_rules AS r JOIN accounts AS a ON a.account_id = r.account_id
    WHERE r.fund_id = :fund_id AND r.account_id > :after AND r.swept_on < :today
    ORDER BY r.account_id LIMIT :limit FOR NO KEY UPDATE OF r SKIP LOCKED
    """
)
"""The assessment is looked up for each row: an ``EXISTS`` would be planned as a hash of all assessments, each time."""
_AVAILABLE = text("SELECT code, available_fen FROM ledger.balance WHERE code = ANY (CAST(:codes AS text[]))")
_SWEPT = text(
    """
    WITH ruled AS (
        UPDATE sweep_rules SET swept_on = :today WHERE account_id = ANY (CAST(:account_ids AS uuid[]))
    )
    INSERT INTO fund_orders (fund_order_id, fund_id, account_id, kind, source, amount_fen, state, placed_at, trade_on,
        confirm_on)
    SELECT o.fund_order_id, :fund_id, o.account_id, 'buy', 'sweep', o.amount_fen, 'accepted', business_now(),
        CAST(:trade_on AS date), CAST(:confirm_on AS date)
    FROM unnest(CAST(:order_ids AS uuid[]), CAST(:buyers AS uuid[]), CAST(:amounts AS bigint[]))
        AS o (fund_order_id, account_id, amount_fen)
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRule:
    """Keep so much on the e-account; the rest goes into the fund, and comes back when a payment lacks it."""

    fund_id: UUID
    keep_fen: int
    is_pull_back: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What a run came to."""

    rule_count: int
    order_count: int
    amount_fen: int


def set_sweep_rule(
    actor: Actor, claim: Claim, *, fund_id: UUID, keep_fen: int, is_pull_back: bool, step_up_grant: UUID | None
) -> SweepRule:
    """Set one's sweep rule, in the place of another; the payment PIN confirms it once for all sweeps.

    :raises FundNotFound: there is none. :raises VerificationNeeded: below level III.
    :raises AssessmentNeeded, RiskMismatch, DocumentsUnread: it does not suit the person, or not yet.
    :raises StepUpRequired, StepUpRefused: of the grant.
    """
    with transaction(claim) as tx:
        asked = asked_with(actor, step_up_grant, subject_id=fund_id, amount_fen=1)
        row = tx.open_one(_TO_SET, asked)
        if row is None:
            raise FundNotFound
        require_level(row.verification_level, WEALTH_LEVEL_MIN)
        day = today(row.now)
        require_suitable(assessment_in(row), today=day, product_level=row.risk_level, read=consents_in(row))
        confirmed_by(row.grant_factor, step_up_grant, amount_fen=1)
        rule = SweepRule(fund_id=fund_id, keep_fen=keep_fen, is_pull_back=is_pull_back)
        tx.describe(details={"keep_fen": keep_fen})
        tx.keep(rule)
        params = {
            "account_id": actor.account_id,
            "fund_id": fund_id,
            "keep_fen": keep_fen,
            "is_pull_back": is_pull_back,
            "today": day,
            "grant_id": step_up_grant,
        }
        tx.close(_SET, params, unmet=GRANT_REFUSED)
    return rule


def drop_sweep_rule(actor: Actor) -> None:
    """Let the sweep be; without a rule nothing changes."""
    with transaction() as tx:
        tx.execute(_DROP, {"account_id": actor.account_id})


def sweep_rule_of(actor: Actor) -> SweepRule | None:
    """Return one's rule."""
    row = read(_MINE, {"account_id": actor.account_id}).one_or_none()
    if row is None:
        return None
    return SweepRule(fund_id=row.fund_id, keep_fen=row.keep_fen, is_pull_back=row.is_pull_back)


@dataclass(frozen=True, slots=True)
class _Run:
    fund_id: UUID
    day: date
    dates: TradeDates
    minimum_fen: int
    risk_level: int

    def lock(self, tx: Transaction, after: UUID, limit: int) -> list[UUID]:
        return [row.account_id for row in self._rows(tx, after, limit)]

    def _rows(self, tx: Transaction, after: UUID, limit: int) -> Sequence[Row]:
        params = {
            "fund_id": self.fund_id,
            "after": after,
            "today": self.day,
            "limit": limit,
            "version": QUESTIONNAIRE_VERSION,
            "risk_level": self.risk_level,
            "level_min": int(WEALTH_LEVEL_MIN),
        }
        return tx.execute(_LOCK, params).fetchall()

    def batch(self, tx: Transaction, after: UUID, limit: int) -> tuple[list[UUID], list[int]]:
        """Sweep for the next rules; return whose they were, and the amounts of the orders."""
        rows = self._rows(tx, after, limit)
        if not rows:
            return [], []
        keeps = {codes.e_account(row.account_id): row for row in rows if row.is_suited}
        available = {row.code: row.available_fen for row in tx.execute(_AVAILABLE, {"codes": list(keeps)})}
        due = {
            row.account_id: available.get(code, 0) - row.keep_fen
            for code, row in keeps.items()
            if available.get(code, 0) - row.keep_fen >= self.minimum_fen
        }
        order_ids = [new_id() for _ in due]
        if due:
            moves: dict[str, int] = {}
            for account_id, amount_fen in due.items():
                moves[codes.e_account(account_id)] = -amount_fen
                moves[codes.fund_pending_in(account_id)] = amount_fen
            key = f"fund-sweep:{order_ids[0]}"
            journal = journals.batch_journal(key, JournalKind.FUND_SUBSCRIPTION, [moves], str(self.fund_id))
            assert journal is not None, "there is something to sweep"
            ledger.post(tx, journal)
        tx.execute(
            _SWEPT,
            {
                "today": self.day,
                "account_ids": [row.account_id for row in rows],
                "fund_id": self.fund_id,
                "trade_on": self.dates.trade_on,
                "confirm_on": self.dates.confirm_on,
                "order_ids": order_ids,
                "buyers": list(due),
                "amounts": list(due.values()),
            },
        )
        return [row.account_id for row in rows], list(due.values())


def sweep_funds() -> int:
    """Sweep for every fund that has rules to look at today; past the known trading days nothing is swept."""
    try:
        return sum(sweep_fund(row.fund_id).rule_count for row in read(_FUNDS))
    except CalendarUnknown:
        return 0


def sweep_fund(fund_id: UUID) -> Swept:
    """Sweep for every rule of a fund that was not looked at today.

    :raises FundNotFound: there is none. :raises CalendarUnknown: past the known trading days.
    """
    fund = read(_FUND, {"fund_id": fund_id}).one_or_none()
    if fund is None:
        raise FundNotFound
    dates = trade_dates(fund.now, fund.trading_days)
    run = _Run(fund_id, today(fund.now), dates, fund.minimum_fen, fund.risk_level)
    with ThreadPoolExecutor(SWEEPERS) as pool:
        ended = [pool.submit(copy_context().run, _sweep, run) for _ in range(SWEEPERS)]
        parts = [one.result() for one in ended]
    return Swept(
        rule_count=sum(part.rule_count for part in parts),
        order_count=sum(part.order_count for part in parts),
        amount_fen=sum(part.amount_fen for part in parts),
    )


def _sweep(run: _Run) -> Swept:
    """Sweep batch after batch; rules that another sweeper has in hand are passed over."""
    after, rules, orders, amount = NOBODY, 0, 0, 0
    size = BATCH
    while True:
        try:
            with transaction() as tx:
                found, amounts = run.batch(tx, after, size)
        except InsufficientFunds:
            # Somebody paid between our look and our posting: smaller batches, at last that one, who waits.
            if size == 1:
                after = _skip(run, after)
            size = max(1, size // 2)
            continue
        if not found:
            return Swept(rule_count=rules, order_count=orders, amount_fen=amount)
        after, size = found[-1], BATCH
        rules, orders, amount = rules + len(found), orders + len(amounts), amount + sum(amounts)


def _skip(run: _Run, after: UUID) -> UUID:
    with transaction() as tx:
        rows = run.lock(tx, after, 1)
        return rows[0] if rows else after
