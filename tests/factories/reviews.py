"""Reviews of completed orders."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from app.core.orders.states import OrderState
from app.core.reviews.ratings import rating_hundredths
from app.usecases.reviewing.answer_review import fold_review
from app.usecases.reviewing.review_order import OfferStars, appeal_folding, review_order
from tests.factories.orders import AnOrder, an_order
from tests.factories.people import a_claim, an_operator
from tests.factories.rows import change, look

if TYPE_CHECKING:
    from uuid import UUID

    from tests.factories.people import Person
    from tests.factories.shops import Shop


def a_completed_order(*, shop: Shop | None = None, resident: Person | None = None) -> AnOrder:
    """Return an order that its buyer may review now, brought there by a stroke of the pen."""
    order = an_order(shop=shop, resident=resident, state=OrderState.AWAITING_PAYMENT)
    complete(order.order_id)
    return replace(order)


def complete(order_id: UUID) -> None:
    """Let an order be completed now; its money is none of the test's business."""
    change(
        "UPDATE orders SET state = 'completed', ended_at = business_now(), total_fen = 0, goods_fen = 0,"
        " delivery_fen = 0, left_fen = 0, commission_fen = 0 WHERE order_id = :id",
        id=order_id,
    )


def a_reviewed_order(*, stars: int = 5, shop: Shop | None = None, offer_stars: int | None = None) -> AnOrder:
    """Return an order with a review."""
    order = a_completed_order(shop=shop)
    offers = [] if offer_stars is None else [OfferStars(offer_id=order.offers[0].offer_id, stars=offer_stars)]
    buyer = order.resident
    claim = a_claim(buyer)
    review_order(buyer.actor, claim, order_id=order.order_id, stars=stars, words="新鲜", offers=offers, pictures=[])
    return order


def a_folded_review(*, by: Person | None = None, shop: Shop | None = None) -> AnOrder:
    """Return an order whose review the platform folded."""
    order, operator = a_reviewed_order(stars=1, shop=shop, offer_stars=1), by or an_operator()
    fold_review(operator.actor, a_claim(operator), order_id=order.order_id, reason="含广告")
    return order


def an_appealed_review(*, by: Person | None = None, shop: Shop | None = None) -> AnOrder:
    """Return an order whose review was folded and appealed for."""
    order = a_folded_review(by=by, shop=shop)
    buyer = order.resident
    appeal_folding(buyer.actor, a_claim(buyer), order_id=order.order_id, reason="并非广告")
    return order


def counted(shop: Shop) -> tuple[int, int]:
    """Return review count and star sum of a shop as kept, which are those that its reviews come to."""
    [kept] = look(
        "SELECT coalesce(sum(review_count), 0)::bigint AS n, coalesce(sum(star_sum), 0)::bigint AS s FROM shop_ratings"
        " WHERE shop_id = :id",
        id=shop.shop_id,
    )
    [real] = look(
        "SELECT count(*) AS n, coalesce(sum(stars), 0)::bigint AS s FROM reviews"
        " WHERE shop_id = :id AND state IN ('shown', 'restored')",
        id=shop.shop_id,
    )
    assert (kept.n, kept.s) == (real.n, real.s)
    wrong = look(
        """
        SELECT t.offer_id FROM offer_ratings AS t JOIN offers AS f ON f.offer_id = t.offer_id AND f.shop_id = :id
        LEFT JOIN LATERAL (
            SELECT count(*) AS n, coalesce(sum(w.stars), 0) AS s FROM reviewed_offers AS w
            JOIN reviews AS r ON r.review_id = w.review_id AND r.state IN ('shown', 'restored')
            WHERE w.offer_id = t.offer_id) AS c ON true
        WHERE (t.review_count, t.star_sum) <> (c.n, c.s)
        """,
        id=shop.shop_id,
    )
    assert wrong == []
    return kept.n, kept.s


def rating_of(shop: Shop) -> int:
    """Return the rating that a shop's reviews come to."""
    return rating_hundredths(*counted(shop))
