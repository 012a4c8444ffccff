"""The end of a term product: principal and interest on the day, or earlier where the product allows; launching one."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text

from app.core import ledger
from app.core.ledger import JournalKind
from app.core.wealth.dates import today
from app.core.wealth.errors import TermExitRefused, TermSubscriptionNotFound, TermTermsInvalid
from app.core.wealth.terms import (
    BUCKETS,
    TERM_SUBSCRIPTION_TRANSITIONS,
    TermAction,
    TermState,
    interest_fen,
    pays_on,
)
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.money import split_fen
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction
from app.usecases.saving import journals

BATCH = 300

_DUE = text(
    """
    SELECT product_id FROM term_products AS p
    WHERE p.pays_on <= CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date) AND EXISTS (
        SELECT 1 FROM term_subscriptions AS s WHERE s.product_id = p.product_id AND s.state = 'confirmed')
    ORDER BY p.pays_on LIMIT 100
    """
)
_LOCK_DUE = text(
    """
    SELECT s.subscription_id, s.account_id, s.amount_fen, p.rate_bp, p.value_on, p.matures_on
    FROM term_subscriptions AS s JOIN term_products AS p ON p.product_id = s.product_id
    WHERE s.product_id = :product_id AND s.state = 'confirmed' ORDER BY s.account_id, s.subscription_id LIMIT :limit
    FOR NO KEY UPDATE OF s SKIP LOCKED
    """
)
_MATURED = text(
    """
    UPDATE term_subscriptions AS s SET state = 'matured', interest_fen = d.interest_fen, ended_at = business_now()
    FROM unnest(CAST(:ids AS uuid[]), CAST(:interests AS bigint[])) AS d (subscription_id, interest_fen)
    WHERE s.subscription_id = d.subscription_id
    """
)
_LOCK_OWN = opening(
    """
    SELECT s.subscription_id, s.product_id, s.amount_fen, s.state, p.is_early_exit, p.early_rate_bp, p.value_on,
        p.pays_on, business_now() AS now
    FROM term_subscriptions AS s JOIN term_products AS p ON p.product_id = s.product_id
    WHERE s.subscription_id = :subscription_id AND s.account_id = :account_id FOR NO KEY UPDATE OF s
    """
)
_EXITED = closing(
    """
    exited AS (
        UPDATE term_subscriptions SET state = 'exited', interest_fen = :interest_fen, ended_at = business_now()
        WHERE subscription_id = :subscription_id
    )"""
)
_DAYS = text("SELECT day FROM trading_days WHERE is_trading AND day >= CAST(:day AS date) ORDER BY day LIMIT 1")
_LAUNCH = text(
    """
    WITH made AS (
        INSERT INTO term_products (product_id, name_zh, name_en, risk_level, rate_bp, is_early_exit, early_rate_bp,
            quota_fen, cap_fen, minimum_fen, step_fen, opens_at, closes_at, value_on, matures_on, pays_on)
        VALUES (:product_id, :name_zh, :name_en, :risk_level, :rate_bp, :is_early_exit, :early_rate_bp, :quota_fen,
            :cap_fen, :minimum_fen, :step_fen, :opens_at, :closes_at, :value_on, :matures_on, :pays_on)
        RETURNING product_id
    )
    INSERT INTO term_quotas (product_id, bucket, left_fen)
    SELECT made.product_id, q.bucket, q.left_fen
    FROM made, unnest(CAST(:buckets AS bigint[]), CAST(:lefts AS bigint[])) AS q (bucket, left_fen)
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TermTerms:
    """What a product is: its sale, its term, its rates, what one person may take."""

    name_zh: str
    name_en: str
    quota_fen: int
    opens_at: datetime
    closes_at: datetime
    value_on: date
    matures_on: date
    rate_bp: int
    risk_level: int = 2
    cap_fen: int = 5_000_000
    minimum_fen: int = 100_000
    step_fen: int = 100_000
    is_early_exit: bool = False
    early_rate_bp: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TermEnded:
    """A subscription that was ended early, and what it earned."""

    subscription_id: UUID
    amount_fen: int
    interest_fen: int
    state: str


def launch_term(terms: TermTerms) -> UUID:
    """Open a term product in a transaction of its own; for demonstrations, benchmarks and tests.

    :raises CalendarUnknown: the known trading days end before it pays.
    """
    product_id = new_id()
    with transaction() as tx:
        put_on_sale(tx, product_id, terms)
    return product_id


def put_on_sale(tx: Transaction, product_id: UUID, terms: TermTerms) -> None:
    """Open a term product; its quota is spread over :data:`BUCKETS` rows by whole steps.

    :raises CalendarUnknown: the known trading days end before it pays.
    """
    steps = split_fen(terms.quota_fen // terms.step_fen, [1] * BUCKETS)
    lefts = [count * terms.step_fen for count in steps]
    lefts[0] += terms.quota_fen - sum(lefts)
    days = [row.day for row in tx.execute(_DAYS, {"day": terms.matures_on})]
    values = {name: getattr(terms, name) for name in TermTerms.__slots__}
    tx.execute(
        _LAUNCH,
        {
            **values,
            "product_id": product_id,
            "pays_on": pays_on(terms.matures_on, days),
            "buckets": list(range(BUCKETS)),
            "lefts": lefts,
        },
    )


def refuse_unsound(terms: TermTerms, now: datetime) -> None:
    """Refuse terms that nobody could sell by.

    :raises TermTermsInvalid: the pointer names the first field at fault.
    """
    wrong = {
        "quota_fen": terms.quota_fen < terms.minimum_fen or terms.quota_fen % terms.step_fen != 0,
        "minimum_fen": terms.minimum_fen < 1,
        "cap_fen": terms.cap_fen < terms.minimum_fen,
        "opens_at": terms.opens_at <= now,
        "closes_at": terms.closes_at <= terms.opens_at,
        "value_on": terms.value_on < today(terms.closes_at),
        "matures_on": terms.matures_on <= terms.value_on,
        "early_rate_bp": terms.early_rate_bp > (terms.rate_bp if terms.is_early_exit else 0),
    }
    fault = next((name for name, is_wrong in wrong.items() if is_wrong), None)
    if fault is not None:
        raise TermTermsInvalid(pointer=f"/{fault}")


def mature_due() -> int:
    """Pay what is due today, in batches: one journal for up to :data:`BATCH` subscriptions; return how many."""
    with transaction() as tx:
        products = [row.product_id for row in tx.execute(_DUE)]
    count = 0
    for product_id in products:
        while done := _mature(product_id):
            count += done
    return count


def _mature(product_id: UUID) -> int:
    with transaction() as tx:
        rows = tx.execute(_LOCK_DUE, {"product_id": product_id, "limit": BATCH}).fetchall()
        if not rows:
            return 0
        interests = [interest_fen(row.amount_fen, row.rate_bp, (row.matures_on - row.value_on).days) for row in rows]
        moves = [
            journals.term_paid(row.account_id, row.amount_fen, earned)
            for row, earned in zip(rows, interests, strict=True)
        ]
        key = f"term-mature:{rows[0].subscription_id}"
        journal = journals.batch_journal(key, JournalKind.TERM_REDEMPTION, moves, str(product_id))
        assert journal is not None, "a subscription is of something"
        ledger.post(tx, journal)
        tx.execute(_MATURED, {"ids": [row.subscription_id for row in rows], "interests": interests})
    return len(rows)


def exit_early(actor: Actor, claim: Claim, *, subscription_id: UUID) -> TermEnded:
    """End a confirmed subscription before its day, at the lower rate, where the product allows.

    :raises TermSubscriptionNotFound: there is none of the actor's. :raises TermExitRefused: the product does not allow.
    :raises app.kernel.machines.IllegalTransition: it is not confirmed, or over.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_OWN, {"subscription_id": subscription_id, "account_id": actor.account_id})
        if row is None:
            raise TermSubscriptionNotFound
        state = next_state(TERM_SUBSCRIPTION_TRANSITIONS, TermState(row.state), TermAction.EXIT, actor.role)
        if not row.is_early_exit or today(row.now) >= row.pays_on:
            raise TermExitRefused
        days = max(0, (today(row.now) - row.value_on).days)
        earned = interest_fen(row.amount_fen, row.early_rate_bp, days)
        journal = journals.order_journal(
            "term-exit",
            subscription_id,
            JournalKind.TERM_REDEMPTION,
            journals.term_paid(actor.account_id, row.amount_fen, earned),
        )
        ledger.post(tx, journal)
        ended = TermEnded(
            subscription_id=subscription_id, amount_fen=row.amount_fen, interest_fen=earned, state=state.value
        )
        tx.keep(ended)
        tx.close(_EXITED, {"subscription_id": subscription_id, "interest_fen": earned})
    return ended
