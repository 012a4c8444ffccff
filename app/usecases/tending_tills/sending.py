"""Money is sent at the desk (转账代办), in cash or from the e-account of who stands there, to another resident.

It takes the ID card in hand: a payee that one's own phone has named cools for a day, because whoever takes over a phone
must not empty the account. Who shows the card is the owner, and needs no day to notice.
"""

from dataclasses import dataclass
from uuid import UUID

from app.core import ledger
from app.core.events import CashServed, MoneyReceived, MoneySent
from app.core.operating.switches import Feature, is_on
from app.core.tills.errors import DeskCardNeeded, DeskConfirmationNeeded, DeskVisitNotFound, OwnDesk
from app.core.tills.states import CASH_FROM_PEOPLE, PaidFrom, TillActKind, VisitMeans
from app.core.transfers.errors import PayeeCannotReceive, PayeeNotFound
from app.core.verification.levels import Level
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.transaction import Claim, closing, opening, transaction
from app.usecases.people.phones import normalize_phone, phone_index
from app.usecases.tending_tills.drawer import MEMBER, MOVE_CASH, TILL
from app.usecases.tending_tills.served import AT_DESK, USE_CONFIRMATION, VISITOR, Served, payer, paying, serve
from app.usecases.transferring.payees import ADDING, KNOWN, PayeeAdded, added
from app.usecases.transferring.transfer import SENT, count_day, transfer_journal

_KINDS = {PaidFrom.CASH: TillActKind.TRANSFER_IN_CASH, PaidFrom.E_ACCOUNT: TillActKind.TRANSFER_FROM_ACCOUNT}
_TO_NAME = opening(
    f"""
    SELECT v.means, {ADDING} FROM desk_visits AS v
    JOIN memberships AS m ON m.organization_id = v.store_id AND {MEMBER}
    JOIN accounts AS a ON a.account_id = v.account_id {KNOWN}
    WHERE v.visit_id = :visit_id AND v.clerk_id = :account_id AND v.expires_at > clock_timestamp()
    FOR NO KEY UPDATE OF a
    """
)
_LOCK = opening(
    f"""
    SELECT {TILL}, business_now() AS now, {VISITOR}, {is_on(Feature.DESK_TRANSFERS)} AS is_on, o.payee_id,
        r.account_id AS recipient_id, coalesce(r.verification_level, 0) AS recipient_level,
        EXISTS (SELECT 1 FROM memberships AS c WHERE c.account_id = r.account_id
            AND c.organization_kind = 'store' AND c.organization_id = t.store_id) AS is_colleague
    FROM tills AS t {AT_DESK}
    LEFT JOIN payees AS o ON o.payee_id = :payee_id AND o.account_id = v.account_id AND o.removed_at IS NULL
    LEFT JOIN accounts AS r ON r.phone_index = o.phone_index AND r.state = 'active'
    WHERE t.till_id = :till_id FOR NO KEY UPDATE OF t
    """
)
_IN_CASH = closing(f"{SENT}, {MOVE_CASH}", answer="SELECT 1 AS confirmations")
_FROM_ACCOUNT = closing(f"{SENT}, {USE_CONFIRMATION}, {MOVE_CASH}", answer="SELECT count(*) AS confirmations FROM used")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskTransferred(Served):
    """Money that was sent at the desk. It cannot be taken back."""

    transfer_id: UUID
    is_final: bool = True


def name_payee(actor: Actor, claim: Claim, *, visit_id: UUID, phone: str) -> PayeeAdded:
    """Name, by phone, whom the person at the desk sends money to. It is the same for a phone without account.

    :raises DeskVisitNotFound: none of the clerk's. :raises DeskCardNeeded: the person is known by a code only.
    :raises PhoneInvalid, PayeeIsOneself: of the phone. :raises TooManyPayees: the person has many, or named many today.
    """
    number = normalize_phone(phone)
    index = phone_index(number)
    with transaction(claim) as tx:
        row = tx.open_one(_TO_NAME, {**actor.as_member, "visit_id": visit_id, "phone_index": index})
        if row is None:
            raise DeskVisitNotFound
        if row.means != VisitMeans.ID_CARD:
            raise DeskCardNeeded
        tx.describe(whom_id=row.account_id)
        return added(tx, row, number=number, index=index)


def send_at_desk(  # what a clerk enters
    actor: Actor,
    claim: Claim,
    *,
    till_id: UUID,
    visit_id: UUID,
    payee_id: UUID,
    amount_fen: int,
    paid_from: PaidFrom,
) -> DeskTransferred:
    """Send money to a payee of the person at the desk, whole, at once, and for good.

    Locks the till, the person's day of transfers, the counters of limits, then the ledger's accounts.

    :raises TillNotFound, DeskVisitNotFound: none of the clerk's. :raises TillNotOpen, TillOfAnotherDay: of the till.
    :raises AccountSuspended, VerificationNeeded: of the person's account. :raises FeatureOff: it is switched off.
    :raises DeskCardNeeded: the person is known by a code only. :raises PayeeNotFound: none of the person's.
    :raises OwnDesk: the payee is the clerk, or a colleague.
    :raises PayeeCannotReceive: nobody with this phone has a verified account in order.
    :raises TransferOverLimit: more than is left of the person's day. :raises CashLimitExceeded, TillFull: of cash.
    :raises DeskConfirmationNeeded, PaymentLimitExceeded, app.core.ledger.InsufficientFunds: of the e-account.
    """
    kind = _KINDS[paid_from]
    with transaction(claim) as tx:
        asked = {"till_id": till_id, "visit_id": visit_id, "payee_id": payee_id}
        found = tx.open_one(_LOCK, {**actor.as_member, **asked})
        row, drawer = serve(tx, actor, found, visit_id=visit_id, feature=Feature.DESK_TRANSFERS)
        if row.means != VisitMeans.ID_CARD:
            raise DeskCardNeeded
        if row.payee_id is None:
            raise PayeeNotFound
        ahead = paying(row, drawer, kind, subject_id=payee_id, amount_fen=amount_fen)
        if row.is_colleague:
            raise OwnDesk
        if row.recipient_id is None or row.recipient_level < Level.ONE:
            raise PayeeCannotReceive
        count_day(tx, row.account_id, row, amount_fen)
        is_cash = kind in CASH_FROM_PEOPLE
        till_act_id, transfer_id, change_fen = new_id(), new_id(), amount_fen if is_cash else 0
        moving = drawer.moving(
            kind,
            change_fen,
            till_act_id=till_act_id,
            clerk_id=actor.account_id,
            whom_id=row.account_id,
            account_fen=None if is_cash else amount_fen,
            sent_transfer_id=transfer_id,
        )
        ledger.post(tx, transfer_journal(transfer_id, payer(row, kind), row.recipient_id, amount_fen), ahead=ahead)
        done = DeskTransferred(
            till_act_id=till_act_id,
            till_id=till_id,
            number=row.last_number + 1,
            kind=kind.value,
            amount_fen=amount_fen,
            till_cash_fen=drawer.after(change_fen),
            transfer_id=transfer_id,
        )
        tx.record(
            CashServed(account_id=row.account_id, till_act_id=till_act_id, state=kind.value, amount_fen=amount_fen),
            MoneyReceived(account_id=row.recipient_id, transfer_id=transfer_id, amount_fen=amount_fen),
        )
        if not is_cash:
            tx.record(MoneySent(account_id=row.account_id, transfer_id=transfer_id, amount_fen=amount_fen))
        tx.describe(whom_id=row.account_id)
        tx.keep(done)
        params = {
            **moving,
            "sender_id": row.account_id,
            "payee_id": payee_id,
            "recipient_id": row.recipient_id,
            "amount_fen": amount_fen,
            "is_cash": is_cash,
            "visit_id": visit_id,
            "subject_id": payee_id,
        }
        if tx.close(_IN_CASH if is_cash else _FROM_ACCOUNT, params).one().confirmations != 1:
            raise DeskConfirmationNeeded(pointer="/amount_fen")
    return done
