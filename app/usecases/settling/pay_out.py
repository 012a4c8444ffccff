"""Payouts (提现): name a bank account, ask for a payout, release a large one.

Lock order: the settlement account of the party, then the payout, then the ledger.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import orjson
from sqlalchemy import text

from app.core import ledger
from app.core.ledger import InsufficientFunds
from app.core.settlement.errors import (
    BankAccountCooling,
    BankAccountNeeded,
    MerchantNotFound,
    PayoutNotWaiting,
    PayoutOverLimit,
)
from app.core.settlement.locks import lock_account
from app.core.settlement.models import PaidParty
from app.core.settlement.payouts import (
    ALONE_FEN_MAX,
    COOLING,
    HOLD_DAYS_MAX,
    PAYOUT_DAY_FEN_MAX,
    PAYOUT_FEN_MAX,
    PAYOUT_FEN_MIN,
    TARGET_CONTEXT,
    bank_day_from,
)
from app.core.settlement.states import PAYOUT_TRANSITIONS, PayoutAction, PayoutState
from app.kernel.actor import Actor, Role, Side
from app.kernel.clock import SHANGHAI
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.sealing import seal
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction

_OF_MERCHANT = """
    SELECT business_now() AS now FROM merchants AS h
    JOIN memberships AS m ON m.organization_id = h.merchant_id AND m.organization_kind = 'merchant'
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
    WHERE h.merchant_id = :party_id FOR SHARE OF h
"""
_OF_COURIER = """
    SELECT business_now() AS now FROM couriers AS k WHERE k.courier_id = :party_id AND k.courier_id = :account_id
    FOR SHARE OF k
"""
_MAY = {PaidParty.MERCHANT: opening(_OF_MERCHANT), PaidParty.COURIER: opening(_OF_COURIER)}
_NAME = closing(
    """
    named AS (
        INSERT INTO bank_accounts (party_kind, party_id, target_sealed, tail, is_automatic, changed_at, changed_by,
            usable_at)
        VALUES (:party_kind, :party_id, :target_sealed, :tail, :is_automatic, business_now(), :account_id, :usable_at)
        ON CONFLICT (party_kind, party_id) DO UPDATE SET target_sealed = excluded.target_sealed, tail = excluded.tail,
            is_automatic = excluded.is_automatic, changed_at = excluded.changed_at, changed_by = excluded.changed_by,
            usable_at = excluded.usable_at
    )"""
)
_TARGET = text(
    """
    SELECT b.tail, b.usable_at, coalesce((
            SELECT sum(p.amount_fen) FROM payouts AS p
            WHERE p.party_kind = b.party_kind AND p.party_id = b.party_id AND p.state NOT IN ('failed', 'rejected')
              AND p.requested_at >= date_trunc('day', business_now() AT TIME ZONE 'Asia/Shanghai')
                  AT TIME ZONE 'Asia/Shanghai'), 0)::bigint AS today_fen
    FROM bank_accounts AS b
    WHERE b.party_kind = :party_kind AND b.party_id = :party_id AND b.target_sealed IS NOT NULL
    """
)
_ASK = closing(
    """
    asked AS (
        INSERT INTO payouts (payout_id, party_kind, party_id, amount_fen, state, tail, due_on, requested_at)
        VALUES (:payout_id, :party_kind, :party_id, :amount_fen, :state, :tail, :due_on, business_now())
    )"""
)
_AUTOMATIC = text(
    """
    SELECT b.party_kind, b.party_id, business_now() AS now, least(h.available_fen,
        CASE b.party_kind WHEN 'biller' THEN CAST(:most_to_biller AS bigint) ELSE CAST(:most AS bigint) END)
        AS amount_fen
    FROM bank_accounts AS b
    JOIN ledger.head AS h ON h.code = (b.party_kind || '_available:' || b.party_id) COLLATE "C"
    WHERE b.is_automatic AND b.usable_at <= business_now() AND b.target_sealed IS NOT NULL AND h.available_fen >= :least
      AND NOT EXISTS (SELECT 1 FROM payouts AS p WHERE p.party_kind = b.party_kind AND p.party_id = b.party_id
          AND p.state IN ('requested', 'ready', 'sent'))
    LIMIT :limit
    """
)
_LOCK_PAYOUT = text("SELECT state, party_kind, party_id FROM payouts WHERE payout_id = :payout_id FOR UPDATE")
_MOVE = text("UPDATE payouts SET state = :state WHERE payout_id = :payout_id AND state = :before")
_REJECT = text(
    """
    UPDATE payouts SET state = :state, failure = 'rejected', ended_at = business_now() WHERE payout_id = :payout_id
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BankAccountNamed:
    """The end of the number, and from when on it gets payouts."""

    tail: str
    is_automatic: bool
    usable_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutMoved:
    """A payout and where it stands."""

    payout_id: UUID
    amount_fen: int
    state: str
    due_on: str


def name_bank_account(
    actor: Actor, claim: Claim, *, party_id: UUID, bank_code: str, number: str, holder: str, is_automatic: bool
) -> BankAccountNamed:
    """Say where payouts go; a change takes effect when it has cooled.

    :raises MerchantNotFound: not one of the actor's.
    """
    party = _party_of(actor)
    with transaction(claim) as tx:
        row = tx.open_one(_MAY[party], {"party_id": party_id, **actor.as_member})
        if row is None:
            raise MerchantNotFound
        named = BankAccountNamed(tail=number[-4:], is_automatic=is_automatic, usable_at=row.now + COOLING)
        target = {"bank_code": bank_code, "number": number, "holder": holder}
        tx.keep(named)
        tx.close(
            _NAME,
            {
                "party_kind": party.value,
                "party_id": party_id,
                "target_sealed": seal(orjson.dumps(target).decode(), context=TARGET_CONTEXT),
                "tail": named.tail,
                "is_automatic": is_automatic,
                "account_id": actor.account_id,
                "usable_at": named.usable_at,
            },
        )
    return named


def ask_payout(actor: Actor, claim: Claim, *, party_id: UUID, amount_fen: int) -> PayoutMoved:
    """Ask for a payout; its money is on hold from now on.

    :raises MerchantNotFound: not one of the actor's. :raises BankAccountNeeded: there is nowhere to send it.
    :raises BankAccountCooling: it was changed lately. :raises PayoutOverLimit: too much for one day.
    :raises InsufficientFunds: less is available.
    """
    party = _party_of(actor)
    with transaction(claim) as tx:
        row = tx.open_one(_MAY[party], {"party_id": party_id, **actor.as_member})
        if row is None:
            raise MerchantNotFound
        return _hold(tx, party, party_id, amount_fen, row.now)


def pay_out_automatically(limit: int) -> int:
    """Ask for payouts of all that is available, for parties that want it so; return how many.

    A biller gets all of a day at once; two people release what is large.
    """
    with transaction() as tx:
        most = {"limit": limit, "least": PAYOUT_FEN_MIN, "most": ALONE_FEN_MAX, "most_to_biller": PAYOUT_FEN_MAX}
        found = tx.execute(_AUTOMATIC, most).fetchall()
    made = 0
    for row in found:
        try:
            with transaction() as tx:
                _hold(tx, PaidParty(row.party_kind), row.party_id, row.amount_fen, row.now)
            made += 1
        except (InsufficientFunds, PayoutOverLimit, BankAccountCooling, BankAccountNeeded):
            continue  # somebody was faster; the next look sees what is left
    return made


def release_payout(tx: Transaction, payout_id: UUID) -> None:
    """Let a large payout go to the bank: two people have agreed.

    :raises PayoutNotWaiting: it does not wait for them.
    """
    row = tx.execute(_LOCK_PAYOUT, {"payout_id": payout_id}).one_or_none()
    if row is None or row.state != PayoutState.REQUESTED:
        raise PayoutNotWaiting(state="absent" if row is None else row.state)
    before = PayoutState(row.state)
    state = next_state(PAYOUT_TRANSITIONS, before, PayoutAction.RELEASE, Role.SYSTEM)
    tx.execute(_MOVE, {"payout_id": payout_id, "state": state.value, "before": before.value})


def reject_payout(tx: Transaction, payout_id: UUID) -> None:
    """Turn down a large payout that one person asked to release and another did not: its hold is void.

    One that no longer waits, because another request for it was decided before, is left as it is.
    """
    row = tx.execute(_LOCK_PAYOUT, {"payout_id": payout_id}).one_or_none()
    if row is None or row.state != PayoutState.REQUESTED:
        return
    state = next_state(PAYOUT_TRANSITIONS, PayoutState(row.state), PayoutAction.REJECT, Role.SYSTEM)
    ledger.void_hold(tx, f"payout:{payout_id}")
    tx.execute(_REJECT, {"payout_id": payout_id, "state": state.value})


def _hold(tx: Transaction, party: PaidParty, party_id: UUID, amount_fen: int, now: datetime) -> PayoutMoved:
    assert PAYOUT_FEN_MIN <= amount_fen <= PAYOUT_FEN_MAX, "the door bounds one payout"
    known = {"party_kind": party.value, "party_id": party_id}
    lock_account(tx, party, party_id)
    target = tx.execute(_TARGET, known).one_or_none()
    if target is None:
        raise BankAccountNeeded
    if target.usable_at > now:
        raise BankAccountCooling(usable_at=target.usable_at.astimezone(SHANGHAI).isoformat(timespec="minutes"))
    if target.today_fen + amount_fen > PAYOUT_DAY_FEN_MAX:
        raise PayoutOverLimit(pointer="/amount_fen", left_fen=PAYOUT_DAY_FEN_MAX - target.today_fen)
    payout_id = new_id()
    due_on = bank_day_from(now.astimezone(SHANGHAI).date())
    state = PayoutState.READY if amount_fen <= ALONE_FEN_MAX else PayoutState.REQUESTED
    ledger.place_hold(
        tx,
        key=f"payout:{payout_id}",
        account=f"{party.value}_available:{party_id}",
        amount_fen=amount_fen,
        ttl=timedelta(days=HOLD_DAYS_MAX),
    )
    moved = PayoutMoved(payout_id=payout_id, amount_fen=amount_fen, state=state.value, due_on=due_on.isoformat())
    if tx.claim is not None:
        tx.keep(moved)
    tx.close(
        _ASK,
        {
            **known,
            "payout_id": payout_id,
            "amount_fen": amount_fen,
            "state": state.value,
            "tail": target.tail,
            "due_on": due_on,
        },
    )
    return moved


def _party_of(actor: Actor) -> PaidParty:
    return PaidParty.MERCHANT if actor.side is Side.MERCHANT else PaidParty.COURIER
