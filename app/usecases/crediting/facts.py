"""Read the facts of one account, by two statements outside a transaction."""

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import text

from app.core.credit.ports import MONTHS_MAX, CreditFacts, MonthFlow
from app.core.ledger import codes
from app.kernel.transaction import read

if TYPE_CHECKING:
    from app.core.credit.ports import CreditSource

_PERSON = text(
    """
    SELECT a.verification_level,
        CAST(extract(epoch FROM business_now() - a.created_at) / 86400 AS bigint) AS age_days,
        (SELECT count(*) FROM bill_payments AS p WHERE p.account_id = a.account_id AND p.state = 'succeeded'
            AND p.bill_id IS NOT NULL) AS bill_count,
        (SELECT count(*) FROM bill_payments AS p JOIN bills AS l ON l.bill_id = p.bill_id
            WHERE p.account_id = a.account_id AND p.state = 'succeeded'
            AND CAST(p.requested_at AT TIME ZONE 'Asia/Shanghai' AS date) <= l.due_on) AS on_time_count,
        (SELECT count(*) FROM orders AS o WHERE o.account_id = a.account_id AND o.state = 'completed') AS order_count
    FROM accounts AS a WHERE a.account_id = :account_id AND a.state <> 'erased'
    """
)
_FLOWS = text(
    """
    WITH span AS (
        SELECT CAST(m AS date) AS month FROM generate_series(
            date_trunc('month', business_now() AT TIME ZONE 'Asia/Shanghai') - (:months - 1) * interval '1 month',
            date_trunc('month', business_now() AT TIME ZONE 'Asia/Shanghai'), interval '1 month') AS m
    ), moved AS (
        SELECT CAST(date_trunc('month', s.effective_on) AS date) AS month,
            sum(s.amount_fen) FILTER (WHERE s.amount_fen > 0) AS in_fen,
            -sum(s.amount_fen) FILTER (WHERE s.amount_fen < 0) AS out_fen
        FROM ledger.statement AS s
        WHERE s.code = :code AND s.effective_on >= (SELECT min(month) FROM span)
            AND NOT (starts_with(s.kind, 'fund_') OR starts_with(s.kind, 'term_'))
        GROUP BY 1
    )
    SELECT p.month, CAST(coalesce(m.in_fen, 0) AS bigint) AS in_fen, CAST(coalesce(m.out_fen, 0) AS bigint) AS out_fen
    FROM span AS p LEFT JOIN moved AS m ON m.month = p.month ORDER BY p.month
    """
)


def read_credit_facts(account_id: UUID, *, months: int) -> CreditFacts | None:
    """Return what is known of an account; None: there is none, or it was erased.

    :param months: 1 to :data:`MONTHS_MAX`.
    """
    assert 1 <= months <= MONTHS_MAX, months
    person = read(_PERSON, {"account_id": account_id}).one_or_none()
    if person is None:
        return None
    flows = read(_FLOWS, {"code": codes.e_account(account_id), "months": months})
    return CreditFacts(
        account_age_days=max(0, person.age_days),
        verification_level=person.verification_level,
        flows=[MonthFlow(month=row.month, in_fen=row.in_fen, out_fen=row.out_fen) for row in flows],
        bill_count=person.bill_count,
        bill_on_time_count=person.on_time_count,
        order_count=person.order_count,
    )


if TYPE_CHECKING:
    _SOURCE: CreditSource = read_credit_facts
