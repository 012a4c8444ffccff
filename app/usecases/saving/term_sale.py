"""The sale of a term product (紫金理财日): take from the quota, hold the money, confirm or give back.

Whoever comes when nothing is left is refused by the opening read. Whoever takes locks the own position, then one of the
quota's rows that nobody else is at, then the ledger's account; only when no single row has enough are all of them
locked, in their order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from sqlalchemy import text

from app.core import ledger
from app.core.accounts.errors import SessionEnded
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.orders.repository import IN_STANDING
from app.core.stepup.errors import StepUpRefused
from app.core.verification.levels import WEALTH_LEVEL_MIN, require_level
from app.core.wealth.dates import today
from app.core.wealth.errors import (
    TermCapExceeded,
    TermConfirmLate,
    TermProductNotFound,
    TermSubscriptionNotFound,
)
from app.core.wealth.suitability import TERM_DOCUMENTS, require_suitable
from app.core.wealth.terms import (
    BUCKETS,
    CONFIRM_MINUTES,
    TERM_SUBSCRIPTION_TRANSITIONS,
    TermAction,
    TermState,
    require_amount,
    require_open,
    require_quota,
)
from app.kernel.actor import Actor, Role
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.timers import Timer
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction
from app.kernel.wire import Row
from app.usecases.paying.confirmed import confirmed_by
from app.usecases.saving.grants import JOIN_GRANT, asked_with
from app.usecases.saving.suitability import PROFILE, assessment_in, consents_in

TERM_HOLD_EXPIRES = "term_hold_expires"
"""Timer: a subscription was not confirmed in time."""
TERM_OFFERS = "term_offers"
"""Timer: something came back to a product's quota; who waits is offered it."""
CONFIRM_WITHIN = timedelta(minutes=CONFIRM_MINUTES)
HOLD_LASTS = CONFIRM_WITHIN + timedelta(hours=24)
"""The ledger's hold outlives the time to confirm: ours is the timer that ends it."""

SUBSCRIBER = f"""
    SELECT {IN_STANDING} AS is_in_standing, p.*, a.verification_level, g.factor AS grant_factor,
        business_now() AS now, {PROFILE},
        CAST(extract(epoch FROM p.opens_at - business_now()) AS double precision) AS opens_in_s,
        CAST(extract(epoch FROM p.closes_at - business_now()) AS double precision) AS closes_in_s,
        (SELECT sum(q.left_fen) FROM term_quotas AS q WHERE q.product_id = :subject_id) AS left_fen,
        coalesce((SELECT o.amount_fen FROM term_positions AS o WHERE o.product_id = p.product_id
            AND o.account_id = :account_id), 0) AS held_fen
    FROM term_products AS p JOIN accounts AS a ON a.account_id = :account_id
    {JOIN_GRANT}
    WHERE p.product_id = :subject_id
"""
"""What :func:`judge` decides on."""
_TO_SUBSCRIBE = opening(SUBSCRIBER)
TAKE_POSITIONS = text(
    """
    INSERT INTO term_positions AS p (account_id, product_id, amount_fen)
    SELECT k.account_id, :product_id, k.amount_fen
    FROM unnest(CAST(:account_ids AS uuid[]), CAST(:amounts AS bigint[])) AS k (account_id, amount_fen)
    ORDER BY k.account_id
    ON CONFLICT (account_id, product_id) DO UPDATE SET amount_fen = p.amount_fen + excluded.amount_fen
        WHERE p.amount_fen + excluded.amount_fen <= :cap_fen
    RETURNING 1
    """
)
"""Adds to the positions that stay within the cap; the others are not among the rows."""
TAKE_ROW = text(
    """
    WITH free AS MATERIALIZED (
        SELECT bucket FROM term_quotas WHERE product_id = :product_id AND left_fen >= :amount_fen
        ORDER BY (bucket + :own) % 16 LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE term_quotas AS q SET left_fen = q.left_fen - :amount_fen
    WHERE q.product_id = :product_id AND q.bucket = (SELECT free.bucket FROM free) RETURNING q.bucket
    """
)
"""Takes from one row that nobody is at. The choice is materialized: joined to it, the update would choose anew for
each row that it looks at, and take from several."""
_MARK = text("SAVEPOINT one_row")
_BACK = text("ROLLBACK TO SAVEPOINT one_row")
"""Lets go of rows that :data:`TAKE_ROW` locked and then passed over, since they had changed meanwhile: whoever locks
all must not hold one out of their order."""
_LOCK_ALL = text(
    "SELECT bucket, left_fen FROM term_quotas WHERE product_id = :product_id ORDER BY bucket FOR NO KEY UPDATE"
)
_TAKE_SOME = text(
    """
    UPDATE term_quotas AS q SET left_fen = q.left_fen - t.amount_fen
    FROM unnest(CAST(:buckets AS bigint[]), CAST(:amounts AS bigint[])) AS t (bucket, amount_fen)
    WHERE q.product_id = :product_id AND q.bucket = t.bucket
    """
)
TAKEN = closing(
    """
    taken AS (
        INSERT INTO term_subscriptions (subscription_id, product_id, account_id, amount_fen, state, held_at, confirm_by,
            confirmed_at)
        SELECT k.subscription_id, :product_id, k.account_id, k.amount_fen, :state, business_now(), :confirm_by,
            CASE WHEN :state = 'confirmed' THEN business_now() END
        FROM unnest(CAST(:subscription_ids AS uuid[]), CAST(:account_ids AS uuid[]), CAST(:amounts AS bigint[]))
            AS k (subscription_id, account_id, amount_fen)
    ),
    used AS (
        UPDATE step_up_grants SET used_at = clock_timestamp()
        WHERE grant_id = ANY (CAST(:grant_ids AS uuid[])) AND used_at IS NULL AND expires_at > clock_timestamp()
        RETURNING grant_id
    )""",
    answer="SELECT count(*) FROM used",
)
"""What :func:`taken_as` takes along; as many grants are used as were sold."""
LOCK_OWN = f"""
    SELECT {IN_STANDING} AS is_in_standing, s.subscription_id, s.product_id, s.account_id, s.amount_fen, s.state,
        s.confirm_by, business_now() AS now
    FROM term_subscriptions AS s
    WHERE s.subscription_id = :subscription_id AND s.account_id = :account_id FOR NO KEY UPDATE
"""
"""What :func:`confirmed` decides on."""
_LOCK_OWN = opening(LOCK_OWN)
CONFIRMED = closing(
    """
    confirmed AS (
        UPDATE term_subscriptions SET state = 'confirmed', confirmed_at = business_now()
        WHERE subscription_id = ANY (CAST(:subscription_ids AS uuid[])) AND state = 'held' RETURNING 1
    )""",
    answer="SELECT count(*) FROM confirmed",
)
_LOCK_TO_EXPIRE = text(
    """
    SELECT subscription_id, product_id, account_id, amount_fen FROM term_subscriptions
    WHERE subscription_id = :subscription_id AND state = 'held' FOR NO KEY UPDATE
    """
)
_EXPIRE = text(
    """
    WITH expired AS (
        UPDATE term_subscriptions SET state = 'expired', ended_at = business_now()
        WHERE subscription_id = :subscription_id
    ), less AS (
        UPDATE term_positions SET amount_fen = amount_fen - :amount_fen
        WHERE account_id = :account_id AND product_id = :product_id
    )
    UPDATE term_quotas SET left_fen = left_fen + :amount_fen WHERE product_id = :product_id AND bucket = :own
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TermMoved:
    """Where a subscription stands; one that is held wants to be confirmed by ``confirm_by``."""

    subscription_id: UUID
    product_id: UUID
    amount_fen: int
    state: str
    confirm_by: datetime

    @classmethod
    def taken(cls, product_id: UUID, amount_fen: int, *, now: datetime, is_confirmed: bool) -> Self:
        """Return a new subscription, taken ``now``: held until it is confirmed, or confirmed with the taking."""
        state = TermState.CONFIRMED if is_confirmed else TermState.HELD
        return cls(
            subscription_id=new_id(),
            product_id=product_id,
            amount_fen=amount_fen,
            state=state.value,
            confirm_by=now + CONFIRM_WITHIN,
        )

    @property
    def is_confirmed(self) -> bool:
        """Whether the money has left the e-account."""
        return self.state == TermState.CONFIRMED


def judge(row: Row, *, amount_fen: int, step_up_grant: UUID | None) -> None:
    """Refuse a subscription that :data:`SUBSCRIBER` gives a reason against; the locks may give others.

    :raises LinliError: as :func:`subscribe_to_term`, except for the money.
    """
    if not row.is_in_standing:
        raise SessionEnded
    require_open(opens_in_s=row.opens_in_s, closes_in_s=row.closes_in_s)
    require_quota(int(row.left_fen or 0), amount_fen, minimum_fen=row.minimum_fen)
    require_level(row.verification_level, WEALTH_LEVEL_MIN)
    require_suitable(
        assessment_in(row),
        today=today(row.now),
        product_level=row.risk_level,
        read=consents_in(row),
        documents=TERM_DOCUMENTS,
    )
    require_amount(
        amount_fen, minimum_fen=row.minimum_fen, step_fen=row.step_fen, cap_fen=row.cap_fen, held_fen=row.held_fen
    )
    confirmed_by(row.grant_factor, step_up_grant, amount_fen=amount_fen)


def hold_key(subscription_id: UUID) -> str:
    """Return the key of the hold on the e-account."""
    return f"term:{subscription_id}"


def _confirm_key(subscription_id: UUID) -> str:
    return f"term-confirm:{subscription_id}"


def subscribe_to_term(
    actor: Actor,
    claim: Claim,
    *,
    product_id: UUID,
    amount_fen: int,
    step_up_grant: UUID | None,
    is_confirmed: bool = False,
) -> TermMoved:
    """Take an amount of a term product: it leaves the quota, and is held on the e-account, by one transaction.

    :param is_confirmed: whoever made the grant for this product and amount may confirm with the taking: the money
        leaves the e-account at once, and nothing is held.
    :raises TermProductNotFound: there is none. :raises TermNotOpen: before its instant, or after its end.
    :raises TermSoldOut, TermQuotaRemainder: nothing is left, or less than asked, which is offered.
    :raises TermAmountInvalid, TermCapExceeded: of the amount.
    :raises VerificationNeeded, AssessmentNeeded, RiskMismatch, DocumentsUnread: it does not suit the person.
    :raises StepUpRequired, StepUpRefused: of the grant. :raises app.core.ledger.InsufficientFunds: not so much money.
    """
    with transaction(claim) as tx:
        asked = asked_with(actor, step_up_grant, subject_id=product_id, amount_fen=amount_fen)
        row = tx.open_one(_TO_SUBSCRIBE, asked)
        if row is None:
            raise TermProductNotFound
        judge(row, amount_fen=amount_fen, step_up_grant=step_up_grant)
        _take(tx, actor.account_id, product_id, amount_fen, cap_fen=row.cap_fen, minimum_fen=row.minimum_fen)
        moved = TermMoved.taken(product_id, amount_fen, now=row.now, is_confirmed=is_confirmed)
        if is_confirmed:
            ledger.post(tx, payment_of(moved, actor.account_id))
        else:
            hold_taken(tx, moved, actor.account_id)
        tx.describe(subject_kind="subscription", subject_id=moved.subscription_id, details={"amount_fen": amount_fen})
        tx.keep(moved)
        used = tx.close(TAKEN, taken_as([(actor.account_id, step_up_grant, moved)]))
        if used.scalar_one() != 1:
            raise StepUpRefused(pointer="/step_up_grant")
    return moved


def taken_as(sold: Sequence[tuple[UUID, UUID | None, TermMoved]]) -> dict[str, object]:
    """Return what :data:`TAKEN` takes: account, grant and subscription of each, of one product, in one state."""
    accounts, grants, moved = zip(*sold, strict=True)
    return {
        "subscription_ids": [one.subscription_id for one in moved],
        "product_id": moved[0].product_id,
        "account_ids": list(accounts),
        "amounts": [one.amount_fen for one in moved],
        "state": moved[0].state,
        "confirm_by": moved[0].confirm_by,
        "grant_ids": list(grants),
    }


def hold_taken(tx: Transaction, moved: TermMoved, account_id: UUID) -> None:
    """Hold what was taken on the e-account, until it is confirmed or its time runs out."""
    hold = hold_of(moved, account_id)
    ledger.place_hold(tx, key=hold.key, account=hold.account, amount_fen=hold.amount_fen, ttl=HOLD_LASTS)
    tx.schedule(Timer(TERM_HOLD_EXPIRES, moved.subscription_id, CONFIRM_WITHIN))


def _take(
    tx: Transaction, account_id: UUID, product_id: UUID, amount_fen: int, *, cap_fen: int, minimum_fen: int
) -> None:
    """Take from the position's cap and the product's quota.

    :raises TermCapExceeded, TermQuotaRemainder, TermSoldOut: what the locks found differs from what was read before.
    """
    own = {"product_id": product_id, "account_ids": [account_id], "amounts": [amount_fen], "cap_fen": cap_fen}
    if tx.execute(TAKE_POSITIONS, own).rowcount != 1:
        raise TermCapExceeded(cap_fen=cap_fen, left_fen=0)
    take_quota(tx, product_id, amount_fen, minimum_fen=minimum_fen, own=account_id.int % BUCKETS)


def take_quota(tx: Transaction, product_id: UUID, amount_fen: int, *, minimum_fen: int, own: int) -> None:
    """Take from the product's quota.

    :param own: the row to look at first. :raises TermQuotaRemainder, TermSoldOut: less is left.
    """
    key = {"product_id": product_id, "amount_fen": amount_fen}
    tx.execute(_MARK, {})
    if tx.execute(TAKE_ROW, {**key, "own": own}).one_or_none() is not None:
        return
    tx.execute(_BACK, {})
    rows = tx.execute(_LOCK_ALL, {"product_id": product_id}).fetchall()
    require_quota(sum(row.left_fen for row in rows), amount_fen, minimum_fen=minimum_fen)
    wanted, parts = amount_fen, []
    for row in sorted(rows, key=lambda one: -one.left_fen):
        part = min(wanted, row.left_fen)
        if part:
            parts.append((row.bucket, part))
            wanted -= part
    buckets, amounts = zip(*parts, strict=True)
    tx.execute(_TAKE_SOME, {"product_id": product_id, "buckets": list(buckets), "amounts": list(amounts)})


def confirm_subscription(actor: Actor, claim: Claim, *, subscription_id: UUID) -> TermMoved:
    """Confirm what is held: the money leaves the e-account for the product.

    :raises TermSubscriptionNotFound: there is none of the actor's. :raises TermConfirmLate: its time is over.
    :raises app.kernel.machines.IllegalTransition: it is confirmed, or went back.
    """
    own = {"subscription_id": subscription_id, "account_id": actor.account_id, "session_id": actor.session_id}
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_OWN, own)
        if row is None:
            raise TermSubscriptionNotFound
        moved = confirmed(row, actor)
        one = capture_of(row)
        ledger.capture_hold(
            tx, one.hold_key, key=one.key, kind=JournalKind.TERM_SUBSCRIPTION, legs=(one.leg,), ref=one.ref
        )
        tx.keep(moved)
        changed = tx.close(CONFIRMED, {"subscription_ids": [subscription_id]}).scalar_one()
        assert changed == 1, "confirmed under lock"
    return moved


def confirmed(row: Row, actor: Actor) -> TermMoved:
    """Return the locked subscription as it is once confirmed.

    :raises LinliError: as :func:`confirm_subscription`.
    """
    if not row.is_in_standing:
        raise SessionEnded
    state = next_state(TERM_SUBSCRIPTION_TRANSITIONS, TermState(row.state), TermAction.CONFIRM, actor.role)
    if row.now >= row.confirm_by:
        raise TermConfirmLate
    return TermMoved(
        subscription_id=row.subscription_id,
        product_id=row.product_id,
        amount_fen=row.amount_fen,
        state=state.value,
        confirm_by=row.confirm_by,
    )


def hold_of(moved: TermMoved, account_id: UUID) -> ledger.Hold:
    """Return what is held for a subscription that is still to be confirmed."""
    return ledger.Hold(hold_key(moved.subscription_id), codes.e_account(account_id), moved.amount_fen)


def payment_of(moved: TermMoved, account_id: UUID) -> Journal:
    """Return what pays a subscription that is confirmed with its taking."""
    return Journal(
        key=_confirm_key(moved.subscription_id),
        kind=JournalKind.TERM_SUBSCRIPTION,
        legs=(
            Leg(codes.e_account(account_id), -moved.amount_fen),
            Leg(codes.term_holding(account_id), moved.amount_fen),
        ),
        ref=str(moved.subscription_id),
    )


def capture_of(row: Row) -> ledger.Capture:
    """Return what pays a confirmed subscription out of its hold."""
    return ledger.Capture(
        hold_key=hold_key(row.subscription_id),
        key=_confirm_key(row.subscription_id),
        leg=Leg(codes.term_holding(row.account_id), row.amount_fen),
        ref=str(row.subscription_id),
    )


def expire_subscription(tx: Transaction, subscription_id: UUID) -> None:
    """Let go of what was not confirmed in time: the hold is released, the quota gets it back."""
    row = tx.execute(_LOCK_TO_EXPIRE, {"subscription_id": subscription_id}).one_or_none()
    if row is None:
        return
    next_state(TERM_SUBSCRIPTION_TRANSITIONS, TermState.HELD, TermAction.EXPIRE, Role.SYSTEM)
    tx.execute(
        _EXPIRE,
        {
            "subscription_id": subscription_id,
            "product_id": row.product_id,
            "account_id": row.account_id,
            "amount_fen": row.amount_fen,
            "own": row.account_id.int % BUCKETS,
        },
    )
    ledger.void_hold(tx, hold_key(subscription_id))
    tx.schedule(Timer(TERM_OFFERS, row.product_id, timedelta()))
