"""The cart (购物车): lines across shops. Minimum orders and hours are checked at checkout, not here."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from app.core.catalog.errors import SkuNotFound
from app.core.orders.errors import CartTooLarge, OfferNotDeliverable
from app.core.orders.quote import LINES_MAX
from app.kernel.actor import Actor
from app.kernel.transaction import transaction

ON_SALE = """
    SELECT k.sku_id, f.kind IN ('goods', 'dish') AS is_carried FROM skus AS k JOIN offers AS f USING (offer_id)
    WHERE k.sku_id = :sku_id AND k.removed_at IS NULL AND f.state = 'on_sale'
"""
"""The SKU as a cart asks for it; what is not carried is bought on its own."""
_PUT = text(
    f"""
    WITH sku AS ({ON_SALE}), put AS (
        INSERT INTO cart_lines (account_id, sku_id, quantity, note)
        SELECT :account_id, sku_id, :quantity, coalesce(CAST(:note AS text), '') FROM sku WHERE is_carried
        ON CONFLICT (account_id, sku_id) DO UPDATE SET quantity = excluded.quantity,
            note = CASE WHEN CAST(:note AS text) IS NULL THEN cart_lines.note ELSE excluded.note END
        RETURNING sku_id
    )
    SELECT (SELECT is_carried FROM sku) AS is_carried,
           (SELECT count(*) FROM cart_lines WHERE account_id = :account_id AND sku_id <> :sku_id) AS others_count
    """
)
_TAKE_OUT = text("DELETE FROM cart_lines WHERE account_id = :account_id AND sku_id = :sku_id")
_EMPTY = text("DELETE FROM cart_lines WHERE account_id = :account_id")


@dataclass(frozen=True, slots=True)
class CartLine:
    """What the cart now holds of one SKU."""

    sku_id: UUID
    quantity: int


def put_in_cart(actor: Actor, *, sku_id: UUID, quantity: int, note: str | None = None) -> CartLine:
    """Set how many pieces of a SKU the cart holds, and what is noted to it; None leaves the note as it is.

    :raises SkuNotFound: no such SKU is on sale. :raises OfferNotDeliverable: it is bought on its own.
    :raises CartTooLarge: the cart holds :data:`LINES_MAX` other lines.
    """
    with transaction() as tx:
        row = tx.execute(
            _PUT, {"account_id": actor.account_id, "sku_id": sku_id, "quantity": quantity, "note": note}
        ).one()
        if row.is_carried is None:
            raise SkuNotFound
        if not row.is_carried:
            raise OfferNotDeliverable(sku_id=sku_id)
        if row.others_count >= LINES_MAX:
            raise CartTooLarge(lines_max=LINES_MAX)
    return CartLine(sku_id, quantity)


def take_out_of_cart(actor: Actor, *, sku_id: UUID) -> None:
    """Remove a line; one that is not there is gone already."""
    with transaction() as tx:
        tx.execute(_TAKE_OUT, {"account_id": actor.account_id, "sku_id": sku_id})


def empty_cart(actor: Actor) -> None:
    """Remove all lines."""
    with transaction() as tx:
        tx.execute(_EMPTY, {"account_id": actor.account_id})
