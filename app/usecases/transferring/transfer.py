"""Send money to a payee: from e-account to e-account, whole, at once, and for good."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from app.core import ledger
from app.core.accounts.errors import SessionEnded
from app.core.events import MoneyReceived, MoneySent
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.orders.repository import IN_STANDING
from app.core.transfers.errors import PayeeCannotReceive, PayeeCooling, PayeeNotFound, TransferOverLimit
from app.core.transfers.rules import DAY_FEN_MAX
from app.core.verification.levels import Level
from app.kernel.actor import Actor
from app.kernel.clock import SHANGHAI
from app.kernel.ids import new_id
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction
from app.kernel.wire import Row
from app.usecases.paying.confirmed import EXPECT_GRANT_USED, GRANT_REFUSED, USE_GRANT, confirmed_by, room_of

_LOCK = opening(
    f"""
    SELECT {IN_STANDING} AS is_in_standing, g.factor, coalesce(g.is_new_device, false) AS is_new_device,
        o.payee_id, o.usable_at, a.verification_level, r.account_id AS recipient_id,
        coalesce(r.verification_level, 0) AS recipient_level, business_now() AS now
    FROM payees AS o
    JOIN accounts AS a ON a.account_id = o.account_id
    LEFT JOIN accounts AS r ON r.phone_index = o.phone_index AND r.state = 'active'
    LEFT JOIN step_up_grants AS g ON g.grant_id = CAST(:grant_id AS uuid) AND g.session_id = :session_id
        AND g.purpose = 'transfer' AND g.subject_id = o.payee_id AND g.amount_fen_max >= :amount_fen
        AND g.used_at IS NULL AND g.expires_at > clock_timestamp()
    WHERE o.payee_id = :payee_id AND o.account_id = :account_id AND o.removed_at IS NULL FOR SHARE OF o
    """
)
_COUNT = text(
    """
    INSERT INTO transfer_days AS t (account_id, day, sent_fen)
    SELECT :account_id, CAST(:day AS date), :amount_fen WHERE :amount_fen <= CAST(:most AS bigint)
    ON CONFLICT (account_id) DO UPDATE SET day = excluded.day,
        sent_fen = CASE WHEN t.day = excluded.day THEN t.sent_fen ELSE 0 END + excluded.sent_fen
    WHERE CASE WHEN t.day = excluded.day THEN t.sent_fen ELSE 0 END + excluded.sent_fen <= CAST(:most AS bigint)
    RETURNING sent_fen
    """
)
_USED = text("SELECT sent_fen FROM transfer_days WHERE account_id = :account_id AND day = CAST(:day AS date)")
SENT = """
    sent AS (
        INSERT INTO transfers (transfer_id, account_id, payee_id, recipient_id, amount_fen, is_cash, made_at)
        VALUES (:sent_transfer_id, :sender_id, :payee_id, :recipient_id, :amount_fen, :is_cash, business_now())
    )"""
"""Keeps a transfer, in a closing."""
_SEND = closing(f"{SENT}, {USE_GRANT}", expecting=EXPECT_GRANT_USED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transferred:
    """What a transfer answers. It cannot be taken back."""

    transfer_id: UUID
    payee_id: UUID
    amount_fen: int
    is_final: bool = True


def transfer(actor: Actor, claim: Claim, *, payee_id: UUID, amount_fen: int, step_up_grant: UUID | None) -> Transferred:
    """Send ``amount_fen`` from one's e-account to a payee's.

    Locks the payee, the day's cap, the counters of limits, then the ledger's accounts.

    :param step_up_grant: what a payment PIN or a passkey bought for this payee.
    :raises PayeeNotFound: there is none of the actor's. :raises PayeeCooling: it was added less than a day ago.
    :raises StepUpRequired, StepUpRefused: there is no grant, or it is not good for this; it is used only when sent.
    :raises PayeeCannotReceive: nobody with this phone has a verified account in order.
    :raises TransferOverLimit: more than is left of the day's cap.
    :raises VerificationNeeded, PaymentLimitExceeded, NewDeviceLimitExceeded: not from this account, or not so much.
    :raises app.core.ledger.InsufficientFunds: the e-account holds less.
    """
    with transaction(claim) as tx:
        asked = {"payee_id": payee_id, "account_id": actor.account_id, "session_id": actor.session_id}
        row = tx.open_one(_LOCK, {**asked, "grant_id": step_up_grant, "amount_fen": amount_fen})
        if row is None:
            raise PayeeNotFound
        if not row.is_in_standing:
            raise SessionEnded
        if row.usable_at > row.now:
            raise PayeeCooling(usable_at=row.usable_at.astimezone(SHANGHAI).isoformat(timespec="minutes"))
        factor = confirmed_by(row.factor, step_up_grant, amount_fen=amount_fen)
        if row.recipient_id is None or row.recipient_level < Level.ONE:
            raise PayeeCannotReceive
        count_day(tx, actor.account_id, row, amount_fen)
        moved = Transferred(transfer_id=new_id(), payee_id=payee_id, amount_fen=amount_fen)
        room = room_of(actor, row, factor, amount_fen=amount_fen)
        sender = codes.e_account(actor.account_id)
        ledger.post(tx, transfer_journal(moved.transfer_id, sender, row.recipient_id, amount_fen), ahead=room)
        tx.record(
            MoneySent(account_id=actor.account_id, transfer_id=moved.transfer_id, amount_fen=amount_fen),
            MoneyReceived(account_id=row.recipient_id, transfer_id=moved.transfer_id, amount_fen=amount_fen),
        )
        tx.describe(subject_kind="transfer", subject_id=moved.transfer_id, whom_id=row.recipient_id,
                    details={"factor": factor.value, "amount_fen": amount_fen})  # fmt: skip
        tx.keep(moved)
        params = {
            **asked,
            "sent_transfer_id": moved.transfer_id,
            "sender_id": actor.account_id,
            "is_cash": False,
            "amount_fen": amount_fen,
            "recipient_id": row.recipient_id,
            "grant_id": step_up_grant,
        }
        tx.close(_SEND, params, unmet=GRANT_REFUSED)
    return moved


def count_day(tx: Transaction, account_id: UUID, row: Row, amount_fen: int) -> None:
    """Take from the day's cap.

    :param row: of the opening: ``now``.
    :raises TransferOverLimit: not so much is left.
    """
    day = {"account_id": account_id, "day": row.now.astimezone(SHANGHAI).date()}
    if tx.execute(_COUNT, {**day, "amount_fen": amount_fen, "most": DAY_FEN_MAX}).one_or_none() is None:
        used = tx.execute(_USED, day).scalar_one_or_none() or 0
        raise TransferOverLimit(pointer="/amount_fen", left_fen=DAY_FEN_MAX - used)


def transfer_journal(transfer_id: UUID, sender: str, recipient_id: UUID, amount_fen: int) -> Journal:
    """Return the journal of a transfer.

    :param sender: the code of the account that the money comes from.
    """
    legs = (Leg(sender, -amount_fen), Leg(codes.e_account(recipient_id), amount_fen))
    return Journal(key=f"transfer:{transfer_id}", kind=JournalKind.TRANSFER, legs=legs, ref=str(transfer_id))
