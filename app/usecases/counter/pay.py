"""A payment at a counter: one journal from the e-account into what the merchant has pending, and the commission.

Lock order: the code that was shown, then the counters of limits, then the ledger's accounts.
"""

from dataclasses import dataclass
from uuid import UUID

from app.core import ledger
from app.core.accounts.errors import SessionEnded
from app.core.catalog.commission import RULE_OF_SHOP
from app.core.catalog.errors import ShopNotFound
from app.core.counter.errors import CounterClosed, CounterPaymentDeclined, PayCodeRefused, PayCodeTooSmall
from app.core.counter.models import CounterWay
from app.core.counter.rules import SMALL_FEN
from app.core.events import CounterPaid
from app.core.ledger import InsufficientFunds, Journal, JournalKind, Leg, codes
from app.core.orders.repository import IN_STANDING
from app.core.orders.rules import commission_fen_of
from app.core.stepup.models import Factor
from app.core.verification.errors import NewDeviceLimitExceeded, PaymentLimitExceeded, VerificationNeeded
from app.core.verification.limits import Strength, counting
from app.kernel.actor import Actor
from app.kernel.clock import SHANGHAI
from app.kernel.ids import new_id
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction
from app.kernel.wire import Row
from app.usecases.counter.codes import pay_code_in
from app.usecases.ordering.line_rates import RATE_IN_FORCE, rate_in_force
from app.usecases.paying.confirmed import EXPECT_GRANT_USED, GRANT_REFUSED, STRENGTH_OF, USE_GRANT, confirmed_by

_SHOP = f"s.shop_id, s.merchant_id, s.state AS shop_state, s.license_expires_on, {RATE_IN_FORCE}, business_now() AS now"
_LOCK_CODE = opening(
    f"""
    SELECT {_SHOP}, c.pay_code_id, c.account_id AS payer_id, c.amount_fen_max, c.factor, c.is_new_device,
        c.used_at IS NULL AND c.expires_at > clock_timestamp() AS is_good, a.verification_level,
        a.state = 'active' AND e.ended_at IS NULL AS is_in_standing
    FROM shops AS s
    JOIN memberships AS m ON m.organization_id = s.merchant_id AND m.organization_kind = 'merchant'
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
    {RULE_OF_SHOP}
    LEFT JOIN (
        SELECT * FROM pay_codes WHERE pay_code_id = CAST(:pay_code_id AS uuid) FOR UPDATE
    ) AS c ON true
    LEFT JOIN accounts AS a ON a.account_id = c.account_id
    LEFT JOIN sessions AS e ON e.session_id = c.session_id
    WHERE s.shop_id = :shop_id
    """
)
_SHOP_TO_PAY = opening(
    f"""
    SELECT {_SHOP}, a.verification_level, g.factor, {IN_STANDING} AS is_in_standing,
        coalesce(g.is_new_device, (SELECT e.cooling_until > clock_timestamp() FROM sessions AS e
            WHERE e.session_id = :session_id), false) AS is_new_device
    FROM shops AS s JOIN accounts AS a ON a.account_id = :account_id
    {RULE_OF_SHOP}
    LEFT JOIN step_up_grants AS g ON g.grant_id = CAST(:grant_id AS uuid) AND g.session_id = :session_id
        AND g.purpose = 'pay_counter' AND g.subject_id = s.shop_id AND g.amount_fen_max >= :amount_fen
        AND g.used_at IS NULL AND g.expires_at > clock_timestamp()
    WHERE s.shop_id = :shop_id AND s.state NOT IN ('draft', 'submitted')
    """
)
_PAID = """
earner AS (
    INSERT INTO settlement_accounts (party_kind, party_id, next_on)
    VALUES ('merchant', :merchant_id, CAST(:paid_on AS date) + 1) ON CONFLICT DO NOTHING
),
paid AS (
    INSERT INTO counter_payments (counter_payment_id, account_id, shop_id, merchant_id, way, pay_code_id, clerk_id,
        amount_fen, fee_fen, commission_rule, commission_bp, paid_at, eligible_on)
    SELECT :counter_payment_id, :payer_id, :shop_id, :merchant_id, :way, :pay_code_id, :clerk_id, :amount_fen, :fee_fen,
        :commission_rule, :commission_bp, business_now(), CAST(:paid_on AS date) + coalesce((
            SELECT CAST(t.hold_days AS integer) FROM settlement_accounts AS t
            WHERE t.party_kind = 'merchant' AND t.party_id = :merchant_id), 1)
)"""
_PAID_BY_CODE = closing(
    f"""
    used AS (
        UPDATE pay_codes SET used_at = clock_timestamp() WHERE pay_code_id = :pay_code_id AND used_at IS NULL
        RETURNING pay_code_id
    ), {_PAID}""",
    answer="SELECT count(*) FROM used",
)
_PAID_BY_GRANT = closing(f"{_PAID}, {USE_GRANT}", expecting=EXPECT_GRANT_USED)
_PAID_SMALL = closing(_PAID)
_OF_THE_PAYER = (InsufficientFunds, PaymentLimitExceeded, NewDeviceLimitExceeded, VerificationNeeded)


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterMoved:
    """A payment at a counter, as both sides are answered."""

    counter_payment_id: UUID
    shop_id: UUID
    amount_fen: int
    way: str


def charge_counter(actor: Actor, claim: Claim, *, shop_id: UUID, code: str, amount_fen: int) -> CounterMoved:
    """Take a payment from the resident whose code was scanned. Three round trips.

    :raises ShopNotFound: not one of the actor's. :raises CounterClosed: the shop is not open for business.
    :raises PayCodeRefused: nobody shows it now, or another scan was faster. :raises PayCodeTooSmall: of less.
    :raises CounterPaymentDeclined: the payer's account does not allow it; why is not told here.
    """
    try:
        with transaction(claim) as tx:
            row = tx.open_one(_LOCK_CODE, {**actor.as_member, "shop_id": shop_id, "pay_code_id": pay_code_in(code)})
            if row is None:
                raise ShopNotFound
            _refuse_closed(row)
            if row.pay_code_id is None or not row.is_good or not row.is_in_standing:
                raise PayCodeRefused(pointer="/code")
            if amount_fen > row.amount_fen_max:
                raise PayCodeTooSmall(pointer="/amount_fen", amount_fen_max=row.amount_fen_max)
            strength = Strength.ONE_FACTOR if row.factor is None else STRENGTH_OF[Factor(row.factor)]
            moved, params = _pay(tx, row, row.payer_id, amount_fen, way=CounterWay.SHOWN_CODE, strength=strength)
            tx.describe(whom_id=row.payer_id, details={"amount_fen": amount_fen})
            tx.keep(moved)
            mine = {**params, "pay_code_id": row.pay_code_id, "clerk_id": actor.account_id}
            assert tx.close(_PAID_BY_CODE, mine).scalar_one() == 1, "a locked code changed under its lock"
    except _OF_THE_PAYER:
        raise CounterPaymentDeclined from None
    return moved


def pay_at_shop(
    actor: Actor, claim: Claim, *, shop_id: UUID, amount_fen: int, step_up_grant: UUID | None
) -> CounterMoved:
    """Pay a shop whose code one scanned. Three round trips.

    :param step_up_grant: bought for this shop; a small amount takes none on a device that is not new.
    :raises ShopNotFound: no such shop, or one that never opened. :raises CounterClosed: it is not open for business.
    :raises StepUpRequired, StepUpRefused: it is not small, or the grant is not good for this; it is used when paid.
    :raises VerificationNeeded, PaymentLimitExceeded, NewDeviceLimitExceeded: not from this account, or not so much.
    :raises app.core.ledger.InsufficientFunds: the e-account holds less.
    """
    with transaction(claim) as tx:
        asked = {"account_id": actor.account_id, "session_id": actor.session_id, "shop_id": shop_id}
        row = tx.open_one(_SHOP_TO_PAY, {**asked, "grant_id": step_up_grant, "amount_fen": amount_fen})
        if row is None:
            raise ShopNotFound
        if not row.is_in_standing:
            raise SessionEnded
        _refuse_closed(row)
        is_small = step_up_grant is None and amount_fen <= SMALL_FEN and not row.is_new_device
        factor = None if is_small else confirmed_by(row.factor, step_up_grant, amount_fen=amount_fen)
        strength = Strength.ONE_FACTOR if factor is None else STRENGTH_OF[factor]
        moved, params = _pay(tx, row, actor.account_id, amount_fen, way=CounterWay.SHOP_CODE, strength=strength)
        tx.describe(details={"amount_fen": amount_fen, "factor": None if factor is None else factor.value})
        tx.keep(moved)
        params = {**params, "pay_code_id": None, "clerk_id": None}
        if is_small:
            tx.close(_PAID_SMALL, params)
        else:
            tx.close(_PAID_BY_GRANT, {**params, "grant_id": step_up_grant}, unmet=GRANT_REFUSED)
    return moved


def _refuse_closed(row: Row) -> None:
    if row.shop_state != "open":
        raise CounterClosed(state=row.shop_state)
    if row.license_expires_on < row.now.astimezone(SHANGHAI).date():
        raise CounterClosed(state="license_expired")


def _pay(
    tx: Transaction, row: Row, payer_id: UUID, amount_fen: int, *, way: CounterWay, strength: Strength
) -> tuple[CounterMoved, dict[str, object]]:
    rate = rate_in_force(row)
    fee_fen = commission_fen_of(amount_fen, rate)
    counter_payment_id = new_id()
    to = {codes.merchant_pending(row.merchant_id): amount_fen - fee_fen, codes.COMMISSION: fee_fen}
    room = counting(
        payer_id,
        level=row.verification_level,
        strength=strength,
        is_new_device=row.is_new_device,
        amount_fen=amount_fen,
        now=row.now,
    )
    journal = Journal(
        key=f"counter:{counter_payment_id}",
        kind=JournalKind.PAYMENT,
        legs=(Leg(codes.e_account(payer_id), -amount_fen), *(Leg(code, fen) for code, fen in to.items() if fen)),
        ref=str(counter_payment_id),
    )
    ledger.post(tx, journal, ahead=room)
    tx.record(
        CounterPaid(
            account_id=payer_id, shop_id=row.shop_id, counter_payment_id=counter_payment_id, amount_fen=amount_fen
        )
    )
    moved = CounterMoved(
        counter_payment_id=counter_payment_id, shop_id=row.shop_id, amount_fen=amount_fen, way=way.value
    )
    return moved, {
        "counter_payment_id": counter_payment_id,
        "payer_id": payer_id,
        "shop_id": row.shop_id,
        "merchant_id": row.merchant_id,
        "way": way.value,
        "amount_fen": amount_fen,
        "fee_fen": fee_fen,
        "commission_rule": rate.rule,
        "commission_bp": rate.bp,
        "paid_on": row.now.astimezone(SHANGHAI).date(),
    }
