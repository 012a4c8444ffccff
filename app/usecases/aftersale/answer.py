"""What the shop does about a case: agree, reject, take back, dispute what came back, replace."""

from uuid import UUID

import orjson

from app.core.aftersale.rules import agreed_as
from app.core.aftersale.states import CaseAction, CaseState
from app.core.orders.errors import SoldOut
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, closing, transaction
from app.usecases.aftersale.cases import (
    CASE_LINES,
    EARNINGS_MOVED,
    LOCK_CASE_FOR_SHOP,
    MOVED_CASE,
    CaseStands,
    lock_case,
    move_case,
    moving,
)
from app.usecases.aftersale.refund_case import refund_case, with_recourse

_REPLACED = closing(
    f"""
    {MOVED_CASE}, {EARNINGS_MOVED},
    wanted AS (
        SELECT sku_id, sum(quantity) AS quantity
        FROM jsonb_to_recordset(CAST(:wanted AS jsonb)) AS w (sku_id uuid, quantity bigint) GROUP BY sku_id
    ),
    locked_stock AS (
        SELECT n.sku_id FROM stock AS n JOIN wanted AS w ON w.sku_id = n.sku_id ORDER BY n.sku_id FOR UPDATE OF n
    ),
    taken AS (
        UPDATE stock AS n SET on_hand = n.on_hand - w.quantity, received = n.received - w.quantity
        FROM wanted AS w JOIN locked_stock AS k ON k.sku_id = w.sku_id
        WHERE n.sku_id = w.sku_id AND n.on_hand >= w.quantity RETURNING n.sku_id
    )""",
    answer="SELECT sku_id FROM taken",
)


def agree_to_case(actor: Actor, claim: Claim, *, case_id: UUID, is_refund: bool) -> CaseStands:
    """Agree to what is asked for; with ``is_refund`` refund it without wanting anything back."""

    def act(as_debt: bool) -> CaseStands:  # noqa: FBT001 - as with_recourse calls it
        with transaction(claim) as tx:
            case = lock_case(tx, LOCK_CASE_FOR_SHOP, {"case_id": case_id, **actor.as_member})
            action = (
                CaseAction.AGREE_REFUND if is_refund or case.state is not CaseState.APPLIED else agreed_as(case.kind)
            )
            target = case.next(action, actor.role)
            if target is CaseState.REFUNDED:
                return refund_case(tx, case, target, as_debt=as_debt)
            return move_case(tx, case, target)

    return with_recourse(act)


def reject_case(actor: Actor, claim: Claim, *, case_id: UUID, reason: str) -> CaseStands:
    """Refuse what is asked for, with a reason; the resident may ask the platform to rule."""
    with transaction(claim) as tx:
        case = lock_case(tx, LOCK_CASE_FOR_SHOP, {"case_id": case_id, **actor.as_member})
        return move_case(tx, case, case.next(CaseAction.REJECT, actor.role), answer=reason)


def receive_return(actor: Actor, claim: Claim, *, case_id: UUID, is_resalable: bool) -> CaseStands:
    """Say that what was sent back is here; it is refunded, and on the shelf again if it can be sold."""

    def act(as_debt: bool) -> CaseStands:  # noqa: FBT001 - as with_recourse calls it
        with transaction(claim) as tx:
            case = lock_case(tx, LOCK_CASE_FOR_SHOP, {"case_id": case_id, **actor.as_member})
            target = case.next(CaseAction.RECEIVE, actor.role)
            return refund_case(tx, case, target, is_resalable=is_resalable, as_debt=as_debt)

    return with_recourse(act)


def dispute_return(actor: Actor, claim: Claim, *, case_id: UUID, reason: str) -> CaseStands:
    """Say that what came back is not what was sold, or that nothing came; the platform rules."""
    with transaction(claim) as tx:
        case = lock_case(tx, LOCK_CASE_FOR_SHOP, {"case_id": case_id, **actor.as_member})
        return move_case(tx, case, case.next(CaseAction.DISPUTE_RETURN, actor.role), answer=reason)


def replace_goods(actor: Actor, claim: Claim, *, case_id: UUID, reference: str) -> CaseStands:
    """Send other pieces of the same in exchange; counted ones come off the shelf.

    :raises SoldOut: the shelf does not hold them; a refund does.
    """
    with transaction(claim) as tx:
        case = lock_case(tx, LOCK_CASE_FOR_SHOP, {"case_id": case_id, **actor.as_member})
        target = case.next(CaseAction.REPLACE, actor.role)
        lines = tx.execute(CASE_LINES, {"case_id": case_id}).fetchall()
        wanted = [{"sku_id": row.sku_id, "quantity": row.quantity} for row in lines if row.is_counted]
        stands = CaseStands(case_id=case_id, order_id=case.order.order_id, state=target.value)
        tx.keep(stands)
        params = moving(tx, case, target, replacement_reference=reference, wanted=orjson.dumps(wanted).decode())
        missing = {one["sku_id"] for one in wanted} - {row.sku_id for row in tx.close(_REPLACED, params)}
        if missing:
            raise SoldOut(sku_id=min(missing), left=0)
    return stands
