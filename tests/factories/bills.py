"""Billers, accounts that people have with them, bills, payments."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from app.core import ledger
from app.core.bills.models import (
    BillBindingRow,
    BillerRow,
    BillPaymentRow,
    BillQuoteRow,
    BillRow,
    UtilityAccountRow,
)
from app.core.bills.numbers import CheckScheme, with_check
from app.core.bills.records import BillDifferenceRow
from app.core.ledger import codes
from app.core.stepup.models import GrantPurpose
from app.kernel.clock import business_now, wall_now
from app.kernel.ids import new_id
from app.kernel.sealing import blind_index, seal
from app.kernel.transaction import transaction
from app.usecases.billing.bind import NICKNAME_CONTEXT, NUMBER_CONTEXT
from app.usecases.billing.pay_bill import bill_journal, payment_key
from tests.factories.people import Person, a_grant, give
from tests.factories.rows import look, write

if TYPE_CHECKING:
    from uuid import UUID


@dataclass(frozen=True)
class ABiller:
    """A biller of its own."""

    biller_id: UUID
    code: str


@dataclass(frozen=True)
class ABinding:
    """An account that somebody has bound."""

    binding_id: UUID
    utility_account_id: UUID
    biller: ABiller
    number: str


def a_biller(**values: Any) -> ABiller:
    suffix = "-prepaid" if values.get("is_prepaid") else ""
    biller = ABiller(new_id(), f"biller-{secrets.token_hex(6)}{suffix}")
    terms = {"is_part_allowed": False, "is_prepaid": False, "minimum_fen": 1, "maximum_fen": 1_000_000, **values}
    write(
        BillerRow,
        biller_id=biller.biller_id,
        code=biller.code,
        kind=terms.pop("kind", "water"),
        name_zh="自来水",
        name_en="Water",
        region_code=terms.pop("region_code", "110000"),
        region_zh="北京市",
        region_en="Beijing",
        digits_min=10,
        digits_max=10,
        check_scheme=terms.pop("check_scheme", CheckScheme.LUHN.value),
        **terms,
    )
    with transaction() as tx:
        ledger.open_account(tx, codes.biller_payable(biller.code))
    return biller


def a_number() -> str:
    """Return a number with a right check digit that the sandbox has an account for."""
    return with_check(CheckScheme.LUHN, f"1{secrets.randbelow(10**8):08d}")


def a_binding(
    person: Person, biller: ABiller | None = None, *, number: str | None = None, **values: object
) -> ABinding:
    """Return an account that ``person`` has bound; the same number is the same account for everybody."""
    biller, number = biller or a_biller(), number or a_number()
    index = blind_index(number, context=NUMBER_CONTEXT)
    utility_account_id = known_account(biller, index) or new_id()
    if known_account(biller, index) is None:
        write(
            UtilityAccountRow,
            utility_account_id=utility_account_id,
            biller_id=biller.biller_id,
            number_sealed=seal(number, context=NUMBER_CONTEXT),
            number_index=index,
            tail=number[-4:],
        )
    binding = ABinding(new_id(), utility_account_id, biller, number)
    with transaction() as tx:
        now = business_now(tx)
    made = {"is_reminded": True, "bound_at": now, "look_at": now, **values}
    write(
        BillBindingRow,
        binding_id=binding.binding_id,
        account_id=person.account_id,
        utility_account_id=utility_account_id,
        nickname_sealed=seal("家", context=NICKNAME_CONTEXT),
        **made,
    )
    return binding


def known_account(biller: ABiller, index: bytes) -> UUID | None:

    found = look(
        "SELECT utility_account_id FROM utility_accounts WHERE biller_id = :b AND number_index = :i",
        b=biller.biller_id,
        i=index,
    )
    return found[0].utility_account_id if found else None


def a_bill(binding: ABinding, amount_fen: int = 5_000, *, due_on: date | None = None, **values: object) -> UUID:
    """Return the id of a bill that was told of the binding's account."""
    bill_id = new_id()
    due_on = due_on or wall_now().date() + timedelta(days=20)
    made = {"told_paid_fen": 0, "bill_no": f"no-{secrets.token_hex(5)}", **values}
    write(
        BillRow,
        bill_id=bill_id,
        utility_account_id=binding.utility_account_id,
        month=due_on.replace(day=1),
        due_on=due_on,
        amount_fen=amount_fen,
        told_at=wall_now(),
        **made,
    )
    return bill_id


def a_quote(
    person: Person, binding: ABinding, bill_id: UUID | None, amount_fen: int = 5_000, *, low_fen: int | None = None
) -> UUID:
    """Return the id of a quote that is locked for ten minutes."""
    quote_id = new_id()
    with transaction() as tx:
        now = business_now(tx)
    write(
        BillQuoteRow,
        quote_id=quote_id,
        binding_id=binding.binding_id,
        account_id=person.account_id,
        bill_id=bill_id,
        low_fen=low_fen or amount_fen,
        high_fen=amount_fen,
        locked_until=now + timedelta(minutes=10),
    )
    return quote_id


def a_desk_quote(person: Person, binding: ABinding, bill_id: UUID | None, amount_fen: int = 5_000) -> UUID:
    """Return the id of a quote of an account that ``person`` has named at a desk."""
    quote_id = new_id()
    with transaction() as tx:
        now = business_now(tx)
    write(
        BillQuoteRow,
        quote_id=quote_id,
        utility_account_id=binding.utility_account_id,
        account_id=person.account_id,
        bill_id=bill_id,
        low_fen=amount_fen,
        high_fen=amount_fen,
        locked_until=now + timedelta(minutes=10),
    )
    return quote_id


def a_bill_grant(person: Person, subject_id: UUID, amount_fen: int = 10**9) -> UUID:
    return a_grant(person, subject_id, amount_fen, purpose=GrantPurpose.PAY_BILL.value)


def a_bill_payment(person: Person, *, state: str = "succeeded", amount_fen: int = 5_000, **values: Any) -> UUID:
    """Return the id of a payment; its money is given along and has left the e-account."""
    binding = a_binding(person)
    payment_id = new_id()
    give(person.account_id, amount_fen)
    with transaction() as tx:
        now = business_now(tx)
        if state != "returned":
            ledger.post(
                tx, bill_journal(payment_id, codes.e_account(person.account_id), binding.biller.code, amount_fen)
            )
    is_ended = state in {"succeeded", "returned"}
    made = {
        "requested_at": now,
        "ended_at": now if is_ended else None,
        "biller_reference": "BL1" if state == "succeeded" else None,
        "booked_on": wall_now().date() if state == "succeeded" else None,
        **values,
    }
    write(
        BillPaymentRow,
        bill_payment_id=payment_id,
        account_id=person.account_id,
        biller_id=binding.biller.biller_id,
        utility_account_id=binding.utility_account_id,
        source="person",
        is_whole=False,
        amount_fen=amount_fen,
        state=state,
        key=payment_key(payment_id),
        **made,
    )
    return payment_id


def a_bill_difference() -> UUID:
    """Return the id of a line of a biller's that we know nothing of."""
    difference_id = new_id()
    write(
        BillDifferenceRow,
        difference_id=difference_id,
        biller_id=a_biller().biller_id,
        day=date(2026, 1, 5),
        mismatch="missing_here",
        key=f"key-{secrets.token_hex(6)}",
        theirs_fen=100,
        found_at=wall_now(),
    )
    return difference_id
