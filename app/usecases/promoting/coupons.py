"""Claim coupons (领券), use them for a checkout, and give them back when nothing of it was sold.

A coupon is used and its campaign's budget moved by conditional updates in the transaction that places the checkout:
neither can be exceeded. Lock order: the cart, the coupon, its campaign.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.promotions.errors import (
    CampaignNotFound,
    CouponCodeRefused,
    CouponNotFound,
    CouponsClaimed,
    CouponsGone,
    TooManyCouponCodes,
)
from app.core.promotions.rules import CODE_CONTEXT, WRONG_CODES_MAX, WRONG_CODES_WINDOW, Coupon
from app.core.promotions.states import CampaignState, CouponState
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.sealing import keyed_digest
from app.kernel.transaction import Claim, Opening, Transaction, closing, opening, transaction, write_alone
from app.kernel.wire import Row

COUPON_COLUMNS = """, p.coupon_id, p.campaign_id AS coupon_campaign_id, p.state AS coupon_state,
           p.expires_at AS coupon_expires_at, e.state AS campaign_state, e.starts_at AS campaign_starts_at,
           e.ends_at AS campaign_ends_at, e.benefit AS campaign_benefit, e.minimum_fen AS campaign_minimum_fen,
           e.off_fen AS campaign_off_fen, e.percent_bp AS campaign_percent_bp, e.verticals AS campaign_verticals,
           e.community_id AS campaign_community_id, e.left_fen AS campaign_left_fen"""
"""What :func:`coupon_of` reads, beside any line of a cart."""
COUPON_JOINS = """LEFT JOIN coupons AS p ON p.coupon_id = :coupon_id AND p.account_id = :account_id
    LEFT JOIN campaigns AS e ON e.campaign_id = p.campaign_id"""
"""Of a coupon that is named; not locked: what a coupon promises never changes, and its use is conditional."""
HELD_MAX = 50
HELD_COUPONS = f""", CASE WHEN row_number() OVER () = 1 THEN (
               SELECT json_agg(h) FROM (
                   SELECT p.coupon_id, p.campaign_id, p.expires_at, e.starts_at, e.ends_at, e.benefit, e.minimum_fen,
                       e.off_fen, e.percent_bp, e.verticals, e.community_id, e.left_fen
                   FROM coupons AS p JOIN campaigns AS e ON e.campaign_id = p.campaign_id
                   WHERE p.account_id = :account_id AND p.state = 'held' AND p.expires_at > business_now()
                     AND e.state = 'live' AND e.starts_at <= business_now() AND e.ends_at > business_now()
                   ORDER BY p.expires_at, p.coupon_id LIMIT {HELD_MAX}
               ) AS h) END AS held_coupons"""
"""What :func:`held_of` reads: coupons that somebody could use now, beside one of a cart's lines."""
COUPON_USED = """
    used AS (
        UPDATE coupons SET state = 'used', checkout_id = :checkout_id, off_fen = :coupon_off_fen,
            used_at = business_now()
        WHERE coupon_id = :coupon_id AND account_id = :account_id AND state = 'held' AND expires_at > business_now()
        RETURNING coupon_id, campaign_id
    ),
    spent AS (
        UPDATE campaigns AS e SET left_fen = e.left_fen - :coupon_off_fen
        FROM used WHERE e.campaign_id = used.campaign_id AND e.state = 'live' AND e.left_fen >= :coupon_off_fen
            AND e.ends_at > business_now()
        RETURNING used.coupon_id
    )"""
"""Writes that use a coupon out of its campaign's budget: the coupon, then its campaign. ``spent`` has it, or not."""
_IS_SOLD = "EXISTS (SELECT 1 FROM settlement_items AS i WHERE i.order_id = o.order_id AND i.party_kind = 'merchant')"
_GIVE_BACK = text(
    f"""
    WITH unsold AS (
        UPDATE orders AS o SET promotion_fen = 0
        WHERE o.order_id = :order_id AND o.promotion_fen > 0 AND o.state IN ('canceled', 'returned')
          AND NOT {_IS_SOLD}
        RETURNING o.checkout_id, o.campaign_id, o.platform_off_fen
    ),
    held AS (
        UPDATE coupons AS c SET state = 'held', checkout_id = NULL, off_fen = NULL, used_at = NULL
        FROM unsold AS u WHERE c.checkout_id = u.checkout_id AND NOT EXISTS (
            SELECT 1 FROM orders AS o WHERE o.checkout_id = u.checkout_id AND (o.state <> 'canceled' OR {_IS_SOLD}))
        RETURNING c.coupon_id
    )
    UPDATE campaigns AS e SET left_fen = e.left_fen + u.platform_off_fen
    FROM unsold AS u WHERE e.campaign_id = u.campaign_id AND (SELECT count(*) FROM held) >= 0
    """
)
"""Order, coupon, campaign, in this order. What the order still owes marks that nothing was given back yet."""
_OPEN = """
    SELECT g.campaign_id, g.state, g.ends_at, g.per_person_max, g.valid_days, business_now() AS now,
        (SELECT count(*) FROM coupons AS c WHERE c.campaign_id = g.campaign_id AND c.account_id = :account_id) AS mine
    FROM campaigns AS g WHERE {which}
"""
_OPEN_FREE = opening(_OPEN.format(which="g.campaign_id = :campaign_id AND g.code_digest IS NULL"))
_OPEN_BY_CODE = opening(_OPEN.format(which="g.code_digest = CAST(:code_digest AS bytea)"))
_CLAIM = closing(
    """
    issued AS (
        UPDATE campaigns SET issued = issued + 1
        WHERE campaign_id = :campaign_id AND state = 'live' AND issued < issued_max AND left_fen > 0
        RETURNING campaign_id
    ),
    made AS (
        INSERT INTO coupons (coupon_id, campaign_id, account_id, nth, state, claimed_at, expires_at)
        SELECT :coupon_id, g.campaign_id, :account_id, CAST(:nth AS bigint), 'held', business_now(), :expires_at
        FROM issued AS g ON CONFLICT (campaign_id, account_id, nth) DO NOTHING RETURNING coupon_id
    ),
    right_code AS (
        UPDATE coupon_code_tries SET wrong = wrong - 1
        WHERE account_id = :account_id AND wrong > 0 AND CAST(:is_by_code AS boolean)
    )""",
    answer="SELECT (SELECT count(*) FROM issued) AS issued, (SELECT count(*) FROM made) AS made",
)
_TRY = text(
    """
    INSERT INTO coupon_code_tries AS t (account_id, since, wrong) VALUES (:account_id, clock_timestamp(), 1)
    ON CONFLICT (account_id) DO UPDATE SET
        since = CASE WHEN t.since < clock_timestamp() - CAST(:span AS interval) THEN clock_timestamp() ELSE t.since END,
        wrong = CASE WHEN t.since < clock_timestamp() - CAST(:span AS interval) THEN 1 ELSE t.wrong + 1 END
    WHERE t.since < clock_timestamp() - CAST(:span AS interval) OR t.wrong < :most
    RETURNING wrong
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponClaimed:
    """A coupon that was claimed, and until when it takes something off."""

    coupon_id: UUID
    campaign_id: UUID
    expires_at: datetime


def claim_coupon(actor: Actor, claim: Claim, *, campaign_id: UUID) -> CouponClaimed:
    """Claim a coupon of a campaign that anybody may claim of.

    :raises CampaignNotFound: there is none such. :raises CouponsGone: none is left.
    :raises CouponsClaimed: one has had one's own.
    """
    with transaction(claim) as tx:
        row = _open_live(tx, _OPEN_FREE, {"campaign_id": campaign_id, "account_id": actor.account_id})
        if row is None:
            raise CampaignNotFound
        return _claim(tx, actor, row, is_by_code=False)


def claim_by_code(actor: Actor, claim: Claim, *, code: str) -> CouponClaimed:
    """Claim a coupon by its campaign's code. Each try counts before it is looked at; a right one counts no more.

    :raises TooManyCouponCodes: ten wrong ones within an hour. :raises CouponCodeRefused: the code opens nothing.
    :raises CouponsGone: none is left. :raises CouponsClaimed: one has had one's own.
    """
    counted = {"account_id": actor.account_id, "span": WRONG_CODES_WINDOW, "most": WRONG_CODES_MAX}
    if write_alone(_TRY, counted).first() is None:
        raise TooManyCouponCodes(retry_after_s=int(WRONG_CODES_WINDOW.total_seconds()))
    digest = keyed_digest(code, context=CODE_CONTEXT)
    with transaction(claim) as tx:
        row = _open_live(tx, _OPEN_BY_CODE, {"code_digest": digest, "account_id": actor.account_id})
        if row is None:
            raise CouponCodeRefused(pointer="/code")
        return _claim(tx, actor, row, is_by_code=True)


def coupon_of(row: Row) -> Coupon:
    """Return the coupon that a cart was read with; its row has :data:`COUPON_COLUMNS`.

    :raises CouponNotFound: it is none of the actor's.
    """
    if row.coupon_id is None:
        raise CouponNotFound(pointer="/coupon_id")
    return Coupon(
        coupon_id=row.coupon_id,
        campaign_id=row.coupon_campaign_id,
        state=row.coupon_state,
        expires_at=row.coupon_expires_at,
        campaign_state=row.campaign_state,
        starts_at=row.campaign_starts_at,
        ends_at=row.campaign_ends_at,
        benefit=row.campaign_benefit,
        minimum_fen=row.campaign_minimum_fen,
        off_fen=row.campaign_off_fen,
        percent_bp=row.campaign_percent_bp,
        verticals=row.campaign_verticals,
        community_id=row.campaign_community_id,
    )


def held_of(rows: Sequence[Row]) -> list[tuple[Coupon, int]]:
    """Return the coupons that a cart was read with, each with what is left of its campaign's budget, fen."""
    held: list[dict[str, Any]] = next((row.held_coupons for row in rows if row.held_coupons is not None), [])
    return [
        (
            Coupon(
                coupon_id=UUID(one["coupon_id"]),
                campaign_id=UUID(one["campaign_id"]),
                state=CouponState.HELD,
                expires_at=datetime.fromisoformat(one["expires_at"]),
                campaign_state=CampaignState.LIVE,
                starts_at=datetime.fromisoformat(one["starts_at"]),
                ends_at=datetime.fromisoformat(one["ends_at"]),
                benefit=one["benefit"],
                minimum_fen=one["minimum_fen"],
                off_fen=one["off_fen"],
                percent_bp=one["percent_bp"],
                verticals=one["verticals"],
                community_id=None if one["community_id"] is None else UUID(one["community_id"]),
            ),
            one["left_fen"],
        )
        for one in held
    ]


def give_back(tx: Transaction, order_id: UUID) -> None:
    """Give a campaign back what an order took that ended unsold; and its coupon, when all of its checkout was canceled.

    Effective once per order, however often it is called.
    """
    tx.execute(_GIVE_BACK, {"order_id": order_id})


def _open_live(tx: Transaction, statement: Opening, asked: dict[str, object]) -> Row | None:
    """Return the campaign that coupons may be claimed of, or None."""
    row = tx.open_one(statement, asked)
    return row if row is not None and row.state == CampaignState.LIVE and row.now < row.ends_at else None


def _claim(tx: Transaction, actor: Actor, row: Row, *, is_by_code: bool) -> CouponClaimed:
    if row.mine >= row.per_person_max:
        raise CouponsClaimed(per_person_max=row.per_person_max)
    expires_at = min(row.ends_at, row.now + timedelta(days=row.valid_days))
    claimed = CouponClaimed(coupon_id=new_id(), campaign_id=row.campaign_id, expires_at=expires_at)
    tx.keep(claimed)
    done = tx.close(
        _CLAIM,
        {
            "campaign_id": row.campaign_id,
            "coupon_id": claimed.coupon_id,
            "account_id": actor.account_id,
            "nth": row.mine + 1,
            "expires_at": expires_at,
            "is_by_code": is_by_code,
        },
    ).one()
    if not done.issued:
        raise CouponsGone
    if not done.made:  # the same person claimed in the same moment
        raise CouponsClaimed(per_person_max=row.per_person_max)
    return claimed
