"""Members join a shared cart by its link, put their own lines in, take them out, and leave."""

import hmac
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from app.core.catalog.errors import SkuNotFound
from app.core.orders.errors import OfferNotDeliverable
from app.core.sharing.errors import OwnSharedCart, SharedCartFull, SharedCartLocked, SharedCartNotFound
from app.core.sharing.rules import LINK_CHARS, MEMBERS_MAX, SHARED_LINES_MAX
from app.core.sharing.states import SharedCartState
from app.kernel.actor import Actor
from app.kernel.sealing import keyed_digest
from app.kernel.transaction import Transaction, transaction
from app.kernel.wire import Row
from app.usecases.sharing.tell import MEMBER_IDS, tell_members
from app.usecases.shopping.cart import ON_SALE

LINK_CONTEXT = "shared_carts.link"

_LOCK = text(
    f"""
    SELECT {MEMBER_IDS}, h.shared_cart_id, h.owner_id, h.state, h.expires_at, business_now() AS now,
        EXISTS (SELECT 1 FROM shared_cart_members AS m
            WHERE m.shared_cart_id = h.shared_cart_id AND m.account_id = :account_id) AS is_member
    FROM shared_carts AS h WHERE h.shared_cart_id = :shared_cart_id FOR UPDATE OF h
    """
)
_JOIN = text(
    """
    INSERT INTO shared_cart_members (shared_cart_id, account_id, joined_at)
    SELECT :shared_cart_id, :account_id, business_now() FROM shared_cart_members
    WHERE shared_cart_id = :shared_cart_id HAVING count(*) < :members_max
    RETURNING account_id
    """
)
_PUT = text(
    f"""
    WITH sku AS ({ON_SALE}), put AS (
        INSERT INTO shared_cart_lines AS l (shared_cart_id, account_id, sku_id, quantity, note)
        SELECT :shared_cart_id, :account_id, sku_id, :quantity, coalesce(CAST(:note AS text), '')
        FROM sku WHERE is_carried
        ON CONFLICT (shared_cart_id, account_id, sku_id) DO UPDATE SET quantity = excluded.quantity,
            note = CASE WHEN CAST(:note AS text) IS NULL THEN l.note ELSE excluded.note END
        RETURNING sku_id
    )
    SELECT (SELECT is_carried FROM sku) AS is_carried, (
        SELECT count(*) FROM shared_cart_lines WHERE shared_cart_id = :shared_cart_id
        AND (account_id, sku_id) <> (:account_id, :sku_id)) AS others_count
    """
)
_TAKE_OUT = text(
    """
    DELETE FROM shared_cart_lines
    WHERE shared_cart_id = :shared_cart_id AND account_id = :account_id AND sku_id = :sku_id
    """
)
_LINES_GO = text("DELETE FROM shared_cart_lines WHERE shared_cart_id = :shared_cart_id AND account_id = :account_id")
_LEAVE = text("DELETE FROM shared_cart_members WHERE shared_cart_id = :shared_cart_id AND account_id = :account_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedLine:
    """What a member has put in of one SKU."""

    sku_id: UUID
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """The shared cart that one may fill now."""

    shared_cart_id: UUID
    state: str


def link_of(shared_cart_id: UUID) -> str:
    """Return what the owner hands on: it opens this shared cart, is derived and never stored."""
    return keyed_digest(str(shared_cart_id), context=LINK_CONTEXT).hex()[:LINK_CHARS]


def join_shared_cart(actor: Actor, *, shared_cart_id: UUID, link: str) -> Joined:
    """Become a member of an open shared cart; who is one already stays one.

    :raises SharedCartNotFound: there is none, or the link does not open it.
    :raises SharedCartLocked: it takes nobody now. :raises SharedCartFull: :data:`MEMBERS_MAX` fill it.
    """
    with transaction() as tx:
        row = tx.execute(_LOCK, _ids(actor, shared_cart_id)).one_or_none()
        if row is None or not hmac.compare_digest(link_of(shared_cart_id), link):
            raise SharedCartNotFound
        if not row.is_member:
            _refuse_locked(row)
            joined = tx.execute(_JOIN, {**_ids(actor, shared_cart_id), "members_max": MEMBERS_MAX}).first()
            if joined is None:
                raise SharedCartFull(members_max=MEMBERS_MAX)
            tell_members(tx, row, row.state, joined_id=actor.account_id)
    return Joined(shared_cart_id=shared_cart_id, state=row.state)


def put_in_shared_cart(
    actor: Actor, *, shared_cart_id: UUID, sku_id: UUID, quantity: int, note: str | None
) -> SharedLine:
    """Set how many pieces of a SKU one wants; the lines of others are theirs.

    :raises SharedCartNotFound: one is no member. :raises SharedCartLocked: its owner locked it, or it is over.
    :raises SkuNotFound: no such SKU is on sale. :raises OfferNotDeliverable: it is bought on its own.
    :raises SharedCartFull: :data:`SHARED_LINES_MAX` lines are in it.
    """
    with transaction() as tx:
        row = _lock_as_member(tx, actor, shared_cart_id)
        _refuse_locked(row)
        wanted = {**_ids(actor, shared_cart_id), "sku_id": sku_id, "quantity": quantity, "note": note}
        done = tx.execute(_PUT, wanted).one()
        if done.is_carried is None:
            raise SkuNotFound
        if not done.is_carried:
            raise OfferNotDeliverable(sku_id=sku_id)
        if done.others_count >= SHARED_LINES_MAX:
            raise SharedCartFull(lines_max=SHARED_LINES_MAX)
        tell_members(tx, row, row.state)
    return SharedLine(sku_id=sku_id, quantity=quantity)


def take_out_of_shared_cart(actor: Actor, *, shared_cart_id: UUID, sku_id: UUID) -> None:
    """Remove one's line; one that is not there is gone already.

    :raises SharedCartNotFound, SharedCartLocked: as for putting in.
    """
    with transaction() as tx:
        row = _lock_as_member(tx, actor, shared_cart_id)
        _refuse_locked(row)
        if tx.execute(_TAKE_OUT, {**_ids(actor, shared_cart_id), "sku_id": sku_id}).rowcount:
            tell_members(tx, row, row.state)


def leave_shared_cart(actor: Actor, *, shared_cart_id: UUID) -> None:
    """Leave with all one's lines, while it is open.

    :raises SharedCartNotFound, SharedCartLocked: as for putting in. :raises OwnSharedCart: it is one's own.
    """
    with transaction() as tx:
        row = _lock_as_member(tx, actor, shared_cart_id)
        if row.owner_id == actor.account_id:
            raise OwnSharedCart
        _refuse_locked(row)
        tx.execute(_LINES_GO, _ids(actor, shared_cart_id))
        tx.execute(_LEAVE, _ids(actor, shared_cart_id))
        tell_members(tx, row, row.state)


def _ids(actor: Actor, shared_cart_id: UUID) -> dict[str, object]:
    return {"shared_cart_id": shared_cart_id, "account_id": actor.account_id}


def _lock_as_member(tx: Transaction, actor: Actor, shared_cart_id: UUID) -> Row:
    row = tx.execute(_LOCK, _ids(actor, shared_cart_id)).one_or_none()
    if row is None or not row.is_member:
        raise SharedCartNotFound
    return row


def _refuse_locked(row: Row) -> None:
    """Refuse what only an open shared cart takes; one whose time is over is, whether or not its timer has run."""
    if row.state != SharedCartState.OPEN or row.now >= row.expires_at:
        raise SharedCartLocked(state=row.state)
