"""A shop as a desk (助农服务点): two people of the platform appoint it, the merchant accepts and deposits, two end it.

The desk is a store of its own, with one till, at which those people of the merchant's serve whom it names: agents. All
that holds for tills holds there, but that agents take no more cash in than the deposit covers, and that each of them
may count: the deposit, which stands on an account of the desk's, answers for all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from app.core import ledger
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.settlement.locks import lock_account
from app.core.settlement.models import SettledParty
from app.core.tills.errors import (
    DeskAgentsInvalid,
    DeskNotEmpty,
    DeskShortageChanged,
    ShopDeskExists,
    ShopDeskNotFound,
)
from app.core.tills.states import (
    SHOP_DESK_TRANSITIONS,
    TILL_TRANSITIONS,
    ShopDeskAction,
    ShopDeskState,
    TillAction,
    TillState,
)
from app.kernel.actor import Actor, Role
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction
from app.kernel.wire import Row

_TILL_NAME = "一号"

_TO_APPOINT = text(
    """
    SELECT s.merchant_id, EXISTS (SELECT 1 FROM shop_desks AS k WHERE k.shop_id = s.shop_id AND k.state <> 'ended')
        AS is_desk
    FROM shops AS s WHERE s.shop_id = :shop_id AND s.state = 'open' FOR NO KEY UPDATE OF s
    """
)
_APPOINT = text(
    """
    INSERT INTO shop_desks (desk_id, shop_id, merchant_id, deposit_fen, state, appointed_at)
    VALUES (:desk_id, :shop_id, :merchant_id, :deposit_fen, 'appointed', business_now())
    ON CONFLICT (shop_id) WHERE state <> 'ended' DO NOTHING
    """
)
_LOCK_OWN = opening(
    """
    SELECT k.desk_id, k.shop_id, k.merchant_id, k.store_id, k.deposit_fen, k.state, s.name, s.lat, s.lng, c.district,
        (SELECT t.till_id FROM tills AS t WHERE t.store_id = k.store_id) AS till_id,
        (SELECT count(DISTINCT o.account_id) FROM memberships AS o JOIN accounts AS a ON a.account_id = o.account_id
         WHERE o.organization_kind = 'merchant' AND o.organization_id = k.merchant_id AND a.state = 'active'
            AND o.account_id = ANY (CAST(:agents AS uuid[]))) AS agents_count
    FROM shop_desks AS k JOIN shops AS s ON s.shop_id = k.shop_id
    JOIN communities AS c ON c.community_id = s.community_id
    JOIN memberships AS m ON m.organization_kind = 'merchant' AND m.organization_id = k.merchant_id
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
    WHERE k.desk_id = :desk_id FOR NO KEY UPDATE OF k
    """
)
_SERVE = """
    agents AS (
        INSERT INTO memberships (account_id, organization_kind, organization_id, role)
        SELECT g, 'store', :store_id, 'agent' FROM unnest(CAST(:agents AS uuid[])) AS g
        ON CONFLICT DO NOTHING
    )"""
_BEGIN = closing(
    f"""
    place AS (
        INSERT INTO stores (store_id, name, district, lat, lng) VALUES (:store_id, :name, :district, :lat, :lng)
    ),
    begun AS (
        UPDATE shop_desks SET state = :state, store_id = :store_id, began_at = business_now() WHERE desk_id = :desk_id
    ),
    till AS (
        INSERT INTO tills (till_id, store_id, name, state, cash_fen, last_number, day_in_fen, day_out_fen, proven_seq,
            proven_fen)
        VALUES (:till_id, :store_id, :till_name, 'closed', 0, 0, 0, 0, 0, 0)
    ),
    {_SERVE}"""
)
_NAME = closing(
    f"""
    gone AS (
        DELETE FROM memberships WHERE organization_kind = 'store' AND organization_id = :store_id
            AND account_id <> ALL (CAST(:agents AS uuid[]))
    ),
    {_SERVE}"""
)
_LOCK = text("SELECT * FROM shop_desks WHERE desk_id = :desk_id FOR NO KEY UPDATE")
_TILLS = text(
    """
    SELECT till_id, state, cash_fen FROM tills WHERE store_id = CAST(:store_id AS uuid) ORDER BY till_id FOR UPDATE
    """
)
"""Nobody sends cash to a till that is locked so, since they name its key."""
_ON_ITS_WAY = text(
    """
    SELECT 1 FROM cash_transfers WHERE state IN ('sent', 'differing')
        AND (from_till_id = ANY (CAST(:tills AS uuid[])) OR to_till_id = ANY (CAST(:tills AS uuid[]))) LIMIT 1
    """
)
_MISSING = text(
    """
    SELECT s.clerk_id, least(-sum(a.amount_fen), coalesce(-min(b.posted_fen), 0))::bigint AS missing_fen
    FROM till_acts AS a JOIN till_shifts AS s ON s.shift_id = a.shift_id
    LEFT JOIN ledger.balance AS b ON b.code = 'cash_shortage:' || s.clerk_id
    WHERE a.till_id = ANY (CAST(:tills AS uuid[])) AND a.kind IN ('opening', 'closing') AND a.amount_fen < 0
    GROUP BY s.clerk_id ORDER BY s.clerk_id
    """
)
"""What was missing at counts, by who was in charge, as far as they still owe it."""
_PAID_TWICE = text("SELECT 1 FROM ledger.balance WHERE code = ANY (CAST(:codes AS text[])) AND posted_fen > 0 LIMIT 1")
"""Read under the locks that the posting took, so that what was paid of a shortage since it was read is in sight."""
_END = text(
    """
    WITH retired AS (
        UPDATE tills SET state = :till_state WHERE till_id = ANY (CAST(:tills AS uuid[]))
    ),
    gone AS (
        DELETE FROM memberships WHERE organization_kind = 'store' AND organization_id = CAST(:store_id AS uuid)
    )
    UPDATE shop_desks SET state = :state, covered_fen = :covered_fen, ended_at = business_now()
    WHERE desk_id = :desk_id
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopDeskStands:
    """Where a shop's desk stands; it has a store and a till from when the merchant has deposited."""

    desk_id: UUID
    shop_id: UUID
    state: str
    deposit_fen: int
    store_id: UUID
    till_id: UUID


def appoint(tx: Transaction, desk_id: UUID, *, shop_id: UUID, deposit_fen: int) -> None:
    """Let a shop become a desk when its merchant accepts: two people have agreed.

    :raises ShopDeskNotFound: there is no such shop that is open. :raises ShopDeskExists: it is one.
    """
    row = tx.execute(_TO_APPOINT, {"shop_id": shop_id}).one_or_none()
    if row is None:
        raise ShopDeskNotFound
    params = {"desk_id": desk_id, "shop_id": shop_id, "merchant_id": row.merchant_id, "deposit_fen": deposit_fen}
    if row.is_desk or tx.execute(_APPOINT, params).rowcount != 1:
        raise ShopDeskExists


def accept_desk(actor: Actor, claim: Claim, *, desk_id: UUID, agents: Sequence[UUID]) -> ShopDeskStands:
    """Accept to be a desk: the deposit leaves what is available, and the people whom one names serve there.

    :raises ShopDeskNotFound: none of a merchant of the actor's. :raises DeskAgentsInvalid: some are none of its people.
    :raises IllegalTransition: it is a desk already, or was.
    :raises app.core.ledger.InsufficientFunds: less is available.
    """
    named = sorted(set(agents))
    with transaction(claim) as tx:
        row, state = _lock_own(tx, actor, desk_id, named, ShopDeskAction.ACCEPT)
        stands = ShopDeskStands(
            desk_id=desk_id,
            shop_id=row.shop_id,
            state=state.value,
            deposit_fen=row.deposit_fen,
            store_id=new_id(),
            till_id=new_id(),
        )
        lock_account(tx, SettledParty.MERCHANT, row.merchant_id)
        legs = (
            Leg(codes.merchant_available(row.merchant_id), -row.deposit_fen),
            Leg(codes.store_float(stands.store_id), row.deposit_fen),
        )
        ledger.post(tx, Journal(key=f"desk_deposit:{desk_id}", kind=JournalKind.DEPOSIT, legs=legs, ref=str(desk_id)))
        tx.keep(stands)
        tx.close(
            _BEGIN,
            {
                "desk_id": desk_id,
                "state": state.value,
                "store_id": stands.store_id,
                "till_id": stands.till_id,
                "till_name": _TILL_NAME,
                "agents": named,
                "name": f"{row.name}服务点",
                "district": row.district,
                "lat": row.lat,
                "lng": row.lng,
            },
        )
    return stands


def name_agents(actor: Actor, claim: Claim, *, desk_id: UUID, agents: Sequence[UUID]) -> ShopDeskStands:
    """Say anew who serves at one's desk.

    :raises ShopDeskNotFound: none of a merchant of the actor's. :raises DeskAgentsInvalid: some are none of its people.
    :raises IllegalTransition: it does not serve.
    """
    named = sorted(set(agents))
    with transaction(claim) as tx:
        row, state = _lock_own(tx, actor, desk_id, named, ShopDeskAction.NAME_AGENTS)
        stands = ShopDeskStands(
            desk_id=desk_id,
            shop_id=row.shop_id,
            state=state.value,
            deposit_fen=row.deposit_fen,
            store_id=row.store_id,
            till_id=row.till_id,
        )
        tx.keep(stands)
        tx.close(_NAME, {"store_id": row.store_id, "agents": named})
    return stands


def _lock_own(
    tx: Transaction, actor: Actor, desk_id: UUID, agents: Sequence[UUID], action: ShopDeskAction
) -> tuple[Row, ShopDeskState]:
    """Return a desk of the actor's merchant, locked, and the state that ``action`` leads to. Errors as its callers."""
    row = tx.open_one(_LOCK_OWN, {**actor.as_member, "desk_id": desk_id, "agents": agents})
    if row is None:
        raise ShopDeskNotFound
    state = next_state(SHOP_DESK_TRANSITIONS, ShopDeskState(row.state), action, actor.role)
    if row.agents_count != len(agents):
        raise DeskAgentsInvalid(pointer="/agents")
    return row, state


def end_desk(tx: Transaction, desk_id: UUID) -> None:
    """End a desk: two people have agreed. Cash that was missing is paid from the deposit, the rest goes back.

    Locks the desk, its till, the merchant's settlement, then the ledger's accounts.

    :raises ShopDeskNotFound: there is none. :raises IllegalTransition: it has ended.
    :raises DeskNotEmpty: the till is open, holds cash, or cash is on its way.
    :raises DeskShortageChanged: somebody else paid what was missing just now.
    """
    row = tx.execute(_LOCK, {"desk_id": desk_id}).one_or_none()
    if row is None:
        raise ShopDeskNotFound
    state = next_state(SHOP_DESK_TRANSITIONS, ShopDeskState(row.state), ShopDeskAction.END, Role.PLATFORM)
    tills = tx.execute(_TILLS, {"store_id": row.store_id}).fetchall()
    about = {"tills": [till.till_id for till in tills]}
    if any(till.state == TillState.OPEN or till.cash_fen for till in tills) or tx.execute(_ON_ITS_WAY, about).first():
        raise DeskNotEmpty
    retired = next_state(TILL_TRANSITIONS, TillState.CLOSED, TillAction.RETIRE, Role.PLATFORM)
    covered_fen = 0
    if row.store_id is not None:
        lock_account(tx, SettledParty.MERCHANT, row.merchant_id)
        covered_fen = _give_back(tx, row, tx.execute(_MISSING, about).fetchall())
    params = {"desk_id": desk_id, "store_id": row.store_id, "state": state.value, "till_state": retired.value}
    tx.execute(_END, {**params, **about, "covered_fen": covered_fen})


def shares_of_deposit(deposit_fen: int, missing: Sequence[tuple[UUID, int]]) -> dict[UUID, int]:
    """Return what of a deposit pays whose missing cash, in the order given, until it is used up."""
    left_fen, shares = deposit_fen, {}
    for person, missing_fen in missing:
        share_fen = min(max(0, missing_fen), left_fen)
        if share_fen:
            shares[person] = share_fen
            left_fen -= share_fen
    return shares


def _give_back(tx: Transaction, row: Row, missing: Sequence[Row]) -> int:
    shares = shares_of_deposit(row.deposit_fen, [(one.clerk_id, one.missing_fen) for one in missing])
    covered_fen = sum(shares.values())
    moves = {
        codes.store_float(row.store_id): -row.deposit_fen,
        **{codes.cash_shortage(person): share_fen for person, share_fen in shares.items()},
        codes.merchant_available(row.merchant_id): row.deposit_fen - covered_fen,
    }
    legs = tuple(Leg(code, amount_fen) for code, amount_fen in moves.items() if amount_fen)
    key = f"desk_deposit_return:{row.desk_id}"
    ledger.post(tx, Journal(key=key, kind=JournalKind.DEPOSIT, legs=legs, ref=str(row.desk_id)))
    if tx.execute(_PAID_TWICE, {"codes": [codes.cash_shortage(person) for person in shares]}).first():
        raise DeskShortageChanged
    return covered_fen
