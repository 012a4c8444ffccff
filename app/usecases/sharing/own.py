"""Whoever opens a shared cart locks it, takes all lines into their own cart to pay for them, or closes it."""

from dataclasses import asdict, dataclass
from uuid import UUID

from sqlalchemy import text

from app.core.orders.errors import CartTooLarge
from app.core.orders.quote import LINES_MAX
from app.core.orders.wishes import LINE_NOTE_MAX
from app.core.sharing.errors import SharedCartNotFound, SharedCartOpen
from app.core.sharing.rules import LIFETIME
from app.core.sharing.states import SHARED_CART_TRANSITIONS, SharedCartAction, SharedCartState
from app.kernel.actor import Actor, Role
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.timers import Timer
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction
from app.usecases.sharing.tell import MEMBER_IDS, tell_members

SHARED_CART_EXPIRES = "shared_cart_expires"
"""Timer: the two hours of a shared cart are over."""

_LOCK_PERSON = opening("SELECT a.account_id FROM accounts AS a WHERE a.account_id = :account_id FOR NO KEY UPDATE OF a")
_LIVE = text("SELECT shared_cart_id FROM shared_carts WHERE owner_id = :account_id AND state IN ('open', 'locked')")
_OPEN = closing(
    """
    opened AS (
        INSERT INTO shared_carts (shared_cart_id, owner_id, state, opened_at, expires_at)
        VALUES (:shared_cart_id, :account_id, :state, business_now(), business_now() + CAST(:lifetime AS interval))
        ON CONFLICT (owner_id) WHERE state IN ('open', 'locked') DO NOTHING RETURNING shared_cart_id
    ),
    first AS (
        INSERT INTO shared_cart_members (shared_cart_id, account_id, joined_at)
        SELECT shared_cart_id, :account_id, business_now() FROM opened
    )""",
    answer="SELECT count(*) FROM opened",
)
_LOCK_OWN = opening(
    f"""
    SELECT {MEMBER_IDS}, h.shared_cart_id, h.state FROM shared_carts AS h
    WHERE h.shared_cart_id = :shared_cart_id AND h.owner_id = :account_id FOR UPDATE OF h
    """
)
_LOCK = opening(
    f"""
    SELECT {MEMBER_IDS}, h.shared_cart_id, h.state FROM shared_carts AS h
    WHERE h.shared_cart_id = :shared_cart_id FOR UPDATE OF h
    """
)
_MOVED = """
    moved AS (
        UPDATE shared_carts SET state = :state,
            ended_at = CASE WHEN CAST(:is_over AS boolean) THEN business_now() END
        WHERE shared_cart_id = :shared_cart_id
    )"""
_MOVE = closing(_MOVED)
_TAKE = closing(
    f"""{_MOVED},
    wanted AS (
        SELECT l.sku_id, least(999, sum(l.quantity))::bigint AS quantity,
            left(coalesce(string_agg(DISTINCT nullif(l.note, ''), '；'), ''), {LINE_NOTE_MAX}) AS note
        FROM shared_cart_lines AS l WHERE l.shared_cart_id = :shared_cart_id GROUP BY l.sku_id
    ),
    put AS (
        INSERT INTO cart_lines AS c (account_id, sku_id, quantity, note)
        SELECT :account_id, w.sku_id, w.quantity, w.note FROM wanted AS w ORDER BY w.sku_id
        ON CONFLICT (account_id, sku_id) DO UPDATE SET quantity = least(999, c.quantity + excluded.quantity),
            note = CASE WHEN excluded.note = '' THEN c.note ELSE excluded.note END
        RETURNING c.sku_id
    )""",
    answer="""
    SELECT (SELECT count(*) FROM put) + (SELECT count(*) FROM cart_lines AS c WHERE c.account_id = :account_id
        AND c.sku_id NOT IN (SELECT sku_id FROM wanted)) AS line_count""",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedCartMoved:
    """Where a shared cart stands."""

    shared_cart_id: UUID
    state: str


def open_shared_cart(actor: Actor, claim: Claim) -> SharedCartMoved:
    """Open a shared cart for two hours, with oneself as the first member.

    :raises SharedCartOpen: one of the actor's lives.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_PERSON, {"account_id": actor.account_id})
        assert row is not None, "who has a token has an account"
        moved = SharedCartMoved(shared_cart_id=new_id(), state=SharedCartState.OPEN.value)
        tx.schedule(Timer(SHARED_CART_EXPIRES, moved.shared_cart_id, LIFETIME))
        tx.keep(moved)
        params = {**asdict(moved), "account_id": actor.account_id, "lifetime": LIFETIME}
        if tx.close(_OPEN, params).scalar_one() != 1:
            raise SharedCartOpen(shared_cart_id=tx.execute(_LIVE, {"account_id": actor.account_id}).scalar_one())
    return moved


def move_shared_cart(actor: Actor, claim: Claim, *, shared_cart_id: UUID, action: SharedCartAction) -> SharedCartMoved:
    """Lock, unlock or close one's shared cart.

    :raises SharedCartNotFound: there is none of the actor's.
    """
    with transaction(claim) as tx:
        moved = _locked(tx, actor, shared_cart_id, action)
        tx.close(_MOVE, _params(moved))
    return moved


def take_shared_cart(actor: Actor, claim: Claim, *, shared_cart_id: UUID) -> SharedCartMoved:
    """Put the lines of all members, summed by SKU, into the owner's own cart, and end the shared one.

    From there on it is a cart like any other: its owner is quoted, agrees, pays, and is the buyer.

    :raises SharedCartNotFound: there is none of the actor's. :raises CartTooLarge: the cart has no room for them.
    """
    with transaction(claim) as tx:
        moved = _locked(tx, actor, shared_cart_id, SharedCartAction.TAKE)
        if tx.close(_TAKE, {**_params(moved), "account_id": actor.account_id}).scalar_one() > LINES_MAX:
            raise CartTooLarge(lines_max=LINES_MAX)
    return moved


def expire_shared_cart(tx: Transaction, shared_cart_id: UUID) -> None:
    """End a shared cart whose time is over; one that ended otherwise is left alone."""
    row = tx.open_one(_LOCK, {"shared_cart_id": shared_cart_id})
    if row is None or (SharedCartState(row.state), SharedCartAction.EXPIRE) not in SHARED_CART_TRANSITIONS:
        return
    state = next_state(SHARED_CART_TRANSITIONS, SharedCartState(row.state), SharedCartAction.EXPIRE, Role.SYSTEM)
    tell_members(tx, row, state.value)
    tx.close(_MOVE, _params(SharedCartMoved(shared_cart_id=shared_cart_id, state=state.value)))


def _locked(tx: Transaction, actor: Actor, shared_cart_id: UUID, action: SharedCartAction) -> SharedCartMoved:
    row = tx.open_one(_LOCK_OWN, {"shared_cart_id": shared_cart_id, "account_id": actor.account_id})
    if row is None:
        raise SharedCartNotFound
    state = next_state(SHARED_CART_TRANSITIONS, SharedCartState(row.state), action, actor.role)
    moved = SharedCartMoved(shared_cart_id=shared_cart_id, state=state.value)
    tell_members(tx, row, moved.state)
    tx.keep(moved)
    return moved


def _params(moved: SharedCartMoved) -> dict[str, object]:
    is_over = moved.state not in {SharedCartState.OPEN, SharedCartState.LOCKED}
    return {"shared_cart_id": moved.shared_cart_id, "state": moved.state, "is_over": is_over}
