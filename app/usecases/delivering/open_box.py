"""What lies in the store's locker is handed out to whoever names the code of its order."""

import hmac
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from app.core.delivery.checks import HandOverWay, tries_left
from app.core.delivery.errors import NotInLocker
from app.core.orders.errors import CodeLocked, OrderNotFound, WrongCode
from app.core.orders.rules import COLLECT_CODE_DIGITS
from app.kernel.actor import Actor
from app.kernel.sealing import derived_code
from app.kernel.transaction import Claim, closing, opening, transaction

KEY = "locker"
"""Under which wrong codes at the store are counted, whoever tries them."""

_LOCK = opening(
    """
    SELECT d.delivery_id, d.wrong_codes, d.locker_box, d.hand_over_way FROM orders AS o
    JOIN memberships AS m ON m.organization_id = o.store_id AND m.organization_kind = 'store'
        AND m.role = ANY (CAST(:roles AS text[]))
    LEFT JOIN deliveries AS d ON d.order_id = o.order_id AND d.case_id IS NULL
    WHERE o.order_id = :order_id AND m.account_id = :account_id
    FOR UPDATE OF o
    """
)
_COLLECT = closing(
    """
    collected AS (
        UPDATE deliveries SET collected_at = coalesce(collected_at, business_now()) WHERE delivery_id = :delivery_id
    )"""
)
_COUNT_TRY = text(
    """
    UPDATE deliveries SET wrong_codes = wrong_codes || jsonb_build_object(CAST(:key AS text),
        coalesce(CAST(wrong_codes ->> :key AS bigint), 0) + 1)
    WHERE delivery_id = :delivery_id
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxOpened:
    """Which box holds it."""

    order_id: UUID
    locker_box: str


def locker_code(order_id: UUID) -> str:
    """Return the code that the resident names at the store to get what lies in its locker."""
    return derived_code(str(order_id), purpose="locker", digits=COLLECT_CODE_DIGITS)


def open_box(actor: Actor, claim: Claim, *, order_id: UUID, code: str) -> BoxOpened:
    """Hand an order out of the locker, as staff of its store; again, when somebody comes back for the rest of it.

    :raises OrderNotFound: there is none of the actor's store. :raises NotInLocker: it does not lie in its locker.
    :raises WrongCode, CodeLocked: the code is another's, or was mistyped too often.
    """
    refusal: WrongCode
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK, {"order_id": order_id, **actor.as_member})
        if row is None:
            raise OrderNotFound
        if row.hand_over_way != HandOverWay.LOCKER:
            raise NotInLocker
        left = tries_left(row.wrong_codes, KEY)
        if left <= 0:
            raise CodeLocked
        if hmac.compare_digest(code, locker_code(order_id)):
            opened = BoxOpened(order_id=order_id, locker_box=row.locker_box)
            tx.keep(opened)
            tx.close(_COLLECT, {"delivery_id": row.delivery_id})
            return opened
        tx.execute(_COUNT_TRY, {"delivery_id": row.delivery_id, "key": KEY})
        tx.release_claim()
        refusal = WrongCode(pointer="/code", tries_left=left - 1)
    raise refusal
