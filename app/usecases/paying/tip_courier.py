"""A tip (打赏) from a resident to the courier who brought the order: whole, at once, and for good."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from app.core import ledger
from app.core.accounts.errors import SessionEnded
from app.core.delivery.errors import NotDelivered, TipGiven, TipTooLate
from app.core.delivery.tips import TIP_WINDOW
from app.core.events import CourierTipped
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.orders.errors import OrderNotFound
from app.core.orders.repository import IN_STANDING
from app.core.settlement.models import PartyKind
from app.kernel.actor import Actor
from app.kernel.clock import SHANGHAI
from app.kernel.transaction import Claim, closing, opening, transaction
from app.usecases.paying.confirmed import EXPECT_GRANT_USED, GRANT_REFUSED, confirmed_by, room_of

SETTLEMENT_DELAY = timedelta(days=1)
"""As what couriers earn: available the day after."""

_LOCK = opening(
    f"""
    SELECT {IN_STANDING} AS is_in_standing, g.factor, coalesce(g.is_new_device, false) AS is_new_device, o.order_id,
        o.delivered_at, a.verification_level, d.state, t.courier_id,
        t.trip_id, business_now() AS now,
        EXISTS (SELECT 1 FROM tips AS p WHERE p.order_id = o.order_id) AS is_given
    FROM orders AS o
    JOIN accounts AS a ON a.account_id = o.account_id
    LEFT JOIN deliveries AS d ON d.order_id = o.order_id AND d.case_id IS NULL
    LEFT JOIN trips AS t ON t.trip_id = d.trip_id
    LEFT JOIN step_up_grants AS g ON g.grant_id = CAST(:grant_id AS uuid) AND g.session_id = :session_id
        AND g.purpose = 'tip_courier' AND g.subject_id = o.order_id AND g.amount_fen_max >= :amount_fen
        AND g.used_at IS NULL AND g.expires_at > clock_timestamp()
    WHERE o.order_id = :order_id AND o.account_id = :account_id FOR UPDATE OF o
    """
)
_GIVE = closing(
    """
    given AS (
        INSERT INTO tips (order_id, account_id, courier_id, amount_fen, given_at)
        VALUES (:order_id, :account_id, :courier_id, :amount_fen, business_now())
        ON CONFLICT DO NOTHING RETURNING order_id
    ),
    earner AS (
        INSERT INTO settlement_accounts (party_kind, party_id, next_on)
        SELECT 'courier', :courier_id, :eligible_on FROM given ON CONFLICT DO NOTHING
    ),
    earned AS (
        INSERT INTO settlement_items (order_id, party_kind, party_id, amount_fen, eligible_on)
        SELECT order_id, :party_kind, :courier_id, :amount_fen, :eligible_on FROM given
    ),
    used AS (
        UPDATE step_up_grants SET used_at = clock_timestamp()
        WHERE grant_id = :grant_id AND used_at IS NULL AND expires_at > clock_timestamp()
        RETURNING grant_id
    )""",
    expecting={"given": "(SELECT count(*) FROM given) = 1", **EXPECT_GRANT_USED},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tipped:
    """What tipping answers. It cannot be taken back."""

    order_id: UUID
    amount_fen: int
    is_final: bool = True


def tip_courier(
    actor: Actor, claim: Claim, *, order_id: UUID, amount_fen: int, step_up_grant: UUID | None = None
) -> Tipped:
    """Give the courier of a delivered order a tip from the e-account, once, within seven days. It is theirs for good.

    :param amount_fen: within the limits of :mod:`app.core.delivery.tips`.
    :param step_up_grant: what a payment PIN or a passkey bought for this tip.
    :raises StepUpRequired, StepUpRefused: there is none, or it is not good for this; it is used only when given.
    :raises OrderNotFound: there is none of the actor's. :raises NotDelivered: no courier has brought it.
    :raises TipTooLate: it was brought long ago. :raises TipGiven: there was a tip.
    :raises app.core.ledger.InsufficientFunds: the e-account holds less.
    """
    with transaction(claim) as tx:
        asked = {"order_id": order_id, "account_id": actor.account_id, "session_id": actor.session_id}
        row = tx.open_one(_LOCK, {**asked, "grant_id": step_up_grant, "amount_fen": amount_fen})
        if row is None:
            raise OrderNotFound
        if not row.is_in_standing:
            raise SessionEnded
        if row.state != "delivered":
            raise NotDelivered
        if row.is_given:
            raise TipGiven
        if row.now > row.delivered_at + TIP_WINDOW:
            raise TipTooLate(days=TIP_WINDOW.days)
        factor = confirmed_by(row.factor, step_up_grant, amount_fen=amount_fen)
        journal = Journal(
            key=f"tip:{order_id}",
            kind=JournalKind.TIP,
            legs=(
                Leg(codes.e_account(actor.account_id), -amount_fen),
                Leg(codes.courier_pending(row.courier_id), amount_fen),
            ),
            ref=str(order_id),
        )
        room = room_of(actor, row, factor, amount_fen=amount_fen)
        ledger.post_along(tx, [journal], ahead=room)
        tipped = Tipped(order_id=order_id, amount_fen=amount_fen)
        tx.record(CourierTipped(courier_id=row.courier_id, order_id=order_id, amount_fen=amount_fen))
        tx.describe(details={"factor": factor.value})
        tx.keep(tipped)
        params = {
            "order_id": order_id,
            "account_id": actor.account_id,
            "courier_id": row.courier_id,
            "amount_fen": amount_fen,
            "party_kind": PartyKind.COURIER_TIP.value,
            "grant_id": step_up_grant,
            "eligible_on": row.now.astimezone(SHANGHAI).date() + SETTLEMENT_DELAY,
        }
        tx.close(_GIVE, params, unmet={"given": lambda _: TipGiven(), **GRANT_REFUSED})
    return tipped
