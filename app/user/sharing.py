"""Routes of shared carts."""

from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.orders.wishes import LINE_NOTE_MAX
from app.core.sharing.errors import SharedCartNotFound
from app.core.sharing.rules import LINK_CHARS, MEMBERS_MAX, SHARED_LINES_MAX
from app.core.sharing.states import SharedCartAction, SharedCartState
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read
from app.usecases.sharing.fill import (
    Joined,
    SharedLine,
    join_shared_cart,
    leave_shared_cart,
    link_of,
    put_in_shared_cart,
    take_out_of_shared_cart,
)
from app.usecases.sharing.own import SharedCartMoved, move_shared_cart, open_shared_cart, take_shared_cart
from app.web.door import Door
from app.web.fields import Body, Choice, Fen, Flag, Id, Instant, Int, Many, Pattern, Quantity, Text
from app.web.policy import Relation, policy
from app.web.views import COUNT_MAX

_READ = text(
    """
    WITH numbered AS (
        SELECT m.account_id, row_number() OVER (ORDER BY m.joined_at, m.account_id) AS member
        FROM shared_cart_members AS m WHERE m.shared_cart_id = :shared_cart_id
    )
    SELECT h.shared_cart_id, h.state, h.opened_at, h.expires_at, h.owner_id = :account_id AS is_mine,
        (SELECT count(*) FROM numbered) AS member_count, (
        SELECT json_agg(json_build_object('member', n.member, 'is_mine', l.account_id = :account_id,
            'sku_id', l.sku_id, 'shop_id', k.shop_id, 'name', f.name, 'option', k.option, 'quantity', l.quantity,
            'note', l.note, 'price_fen', k.price_fen,
            'is_on_sale', f.state = 'on_sale' AND k.removed_at IS NULL) ORDER BY n.member, l.sku_id)
        FROM shared_cart_lines AS l JOIN numbered AS n ON n.account_id = l.account_id
        JOIN skus AS k ON k.sku_id = l.sku_id JOIN offers AS f ON f.offer_id = k.offer_id
        WHERE l.shared_cart_id = :shared_cart_id) AS items
    FROM shared_carts AS h
    WHERE h.shared_cart_id = :shared_cart_id AND EXISTS (SELECT 1 FROM numbered WHERE account_id = :account_id)
    """
)


class SharedCartMovedOut(Body):
    """Where a shared cart stands."""

    shared_cart_id = Id(required=True)
    state = Choice(SharedCartState, required=True)


class JoinIn(Body):
    """What its owner handed on."""

    link = Pattern(rf"[0-9a-f]{{{LINK_CHARS}}}", high=LINK_CHARS, required=True)


class SharedLineIn(Body):
    """How many pieces one wants, and what is noted to them; without a note it stays as it is."""

    quantity = Quantity(required=True)
    note = Text(high=LINE_NOTE_MAX, low=0, load_default=None)


class SharedLineOut(Body):
    """What one has put in of one SKU."""

    sku_id = Id(required=True)
    quantity = Quantity(required=True)


class SharedItemOut(SharedLineOut):
    """A line of a member; members are told apart by numbers, in the order in which they came, the owner first."""

    member = Int(low=1, high=MEMBERS_MAX, required=True)
    is_mine = Flag(required=True)
    shop_id = Id(required=True)
    name = Text(high=200, required=True)
    option = Text(high=200, low=0, required=True)
    note = Text(high=LINE_NOTE_MAX, low=0, required=True)
    price_fen = Fen(required=True)
    is_on_sale = Flag(required=True)


class SharedCartOut(SharedCartMovedOut):
    """A shared cart with all lines; ``link`` is shown to its owner, who hands it on."""

    is_mine = Flag(required=True)
    link = Text(high=LINK_CHARS, required=True, allow_none=True)
    opened_at = Instant(required=True)
    expires_at = Instant(required=True)
    member_count = Int(low=0, high=MEMBERS_MAX, required=True)
    goods_fen = Fen(high=COUNT_MAX, required=True)
    items = Many(fields.Nested(SharedItemOut), high=SHARED_LINES_MAX, required=True)


def add_sharing(door: Door) -> None:
    """Add the routes to ``door``."""
    _add_owning(door)
    _add_filling(door)


def _add_filling(door: Door) -> None:
    """Add what every member does."""

    @door.get("/shared-carts/<uuid:shared_cart_id>", answer=SharedCartOut)
    @policy("shared_cart.read", Relation.OWN)
    def read_shared(actor: Actor, *, shared_cart_id: UUID) -> dict[str, Any]:
        """Read a shared cart that one fills: everybody's lines, by numbers instead of names."""
        return _shared(actor, shared_cart_id)

    @door.post("/shared-carts/<uuid:shared_cart_id>/members", body=JoinIn, answer=SharedCartMovedOut)
    @policy("shared_cart.write", Relation.SIDE)
    def join(actor: Actor, *, shared_cart_id: UUID, body: dict[str, Any]) -> Joined:
        """Become a member of a shared cart by its link."""
        return join_shared_cart(actor, shared_cart_id=shared_cart_id, link=body["link"])

    @door.delete("/shared-carts/<uuid:shared_cart_id>/membership")
    @policy("shared_cart.write", Relation.OWN)
    def leave(actor: Actor, *, shared_cart_id: UUID) -> None:
        """Leave a shared cart with one's lines, while it is open."""
        leave_shared_cart(actor, shared_cart_id=shared_cart_id)

    @door.put("/shared-carts/<uuid:shared_cart_id>/lines/<uuid:sku_id>", body=SharedLineIn, answer=SharedLineOut)
    @policy("shared_cart.write", Relation.OWN)
    def put_shared_line(actor: Actor, *, shared_cart_id: UUID, sku_id: UUID, body: dict[str, Any]) -> SharedLine:
        """Set how many pieces of a SKU one wants from a shared cart."""
        return put_in_shared_cart(actor, shared_cart_id=shared_cart_id, sku_id=sku_id, **body)

    @door.delete("/shared-carts/<uuid:shared_cart_id>/lines/<uuid:sku_id>")
    @policy("shared_cart.write", Relation.OWN)
    def delete_shared_line(actor: Actor, *, shared_cart_id: UUID, sku_id: UUID) -> None:
        """Take one's own line out of a shared cart."""
        take_out_of_shared_cart(actor, shared_cart_id=shared_cart_id, sku_id=sku_id)


def _shared(actor: Actor, shared_cart_id: UUID) -> dict[str, Any]:
    row = read(_READ, {"shared_cart_id": shared_cart_id, "account_id": actor.account_id}).one_or_none()
    if row is None:
        raise SharedCartNotFound
    items = row.items or []
    return {
        **row._mapping,
        "items": items,
        "link": link_of(shared_cart_id) if row.is_mine else None,
        "goods_fen": sum(item["price_fen"] * item["quantity"] for item in items),
    }


def _add_owning(door: Door) -> None:
    """Add what its owner does."""

    @door.post("/shared-carts", answer=SharedCartMovedOut, status=201, once=True)
    @policy("shared_cart.write", Relation.OWN)
    def open_shared(actor: Actor, *, claim: Claim) -> SharedCartMoved:
        """Open a cart that others fill with one for two hours; one pays for all of it in the end."""
        return open_shared_cart(actor, claim)

    @door.post("/shared-carts/<uuid:shared_cart_id>/lock", answer=SharedCartMovedOut, once=True)
    @policy("shared_cart.write", Relation.OWN)
    def lock_shared(actor: Actor, *, claim: Claim, shared_cart_id: UUID) -> SharedCartMoved:
        """Let nobody change one's shared cart any more."""
        return move_shared_cart(actor, claim, shared_cart_id=shared_cart_id, action=SharedCartAction.LOCK)

    @door.post("/shared-carts/<uuid:shared_cart_id>/unlock", answer=SharedCartMovedOut, once=True)
    @policy("shared_cart.write", Relation.OWN)
    def unlock_shared(actor: Actor, *, claim: Claim, shared_cart_id: UUID) -> SharedCartMoved:
        """Let members change one's shared cart again."""
        return move_shared_cart(actor, claim, shared_cart_id=shared_cart_id, action=SharedCartAction.UNLOCK)

    @door.post("/shared-carts/<uuid:shared_cart_id>/taking", answer=SharedCartMovedOut, once=True)
    @policy("shared_cart.write", Relation.OWN)
    def take_shared(actor: Actor, *, claim: Claim, shared_cart_id: UUID) -> SharedCartMoved:
        """Put everybody's lines of one's locked shared cart into one's own cart, to be quoted and paid from there."""
        return take_shared_cart(actor, claim, shared_cart_id=shared_cart_id)

    @door.post("/shared-carts/<uuid:shared_cart_id>/closing", answer=SharedCartMovedOut, once=True)
    @policy("shared_cart.write", Relation.OWN)
    def close_shared(actor: Actor, *, claim: Claim, shared_cart_id: UUID) -> SharedCartMoved:
        """End one's shared cart without buying anything."""
        return move_shared_cart(actor, claim, shared_cart_id=shared_cart_id, action=SharedCartAction.CLOSE)
