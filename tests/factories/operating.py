"""What stands on the operator's desk."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from app.core.operating.flags import FlagRule
from app.core.operating.models import AuditFlagRow, ExportedTable
from app.core.operating.states import AuditFlagState
from app.kernel.clock import SHANGHAI, wall_now
from app.kernel.ids import new_id
from app.usecases.operating.exports import ask_export, run_export
from app.usecases.operating.steering import announce
from app.usecases.operating.telling import Message
from tests.factories.people import a_claim, an_operator
from tests.factories.rows import write

if TYPE_CHECKING:
    from uuid import UUID

    from tests.factories.people import Person


NO_WATER = Message(
    title="停水通知", words="明早八点停水。", title_en="No water", words_en="There is no water tomorrow at eight."
)


def an_announcement(community_id: UUID | None) -> UUID:
    operator, now = an_operator(), wall_now()
    return announce(
        operator.actor,
        a_claim(operator),
        community_id=community_id,
        message=NO_WATER,
        from_at=now - timedelta(minutes=1),
        until_at=now + timedelta(days=1),
    ).announcement_id


def an_audit_flag(person: Person | None = None) -> UUID:
    """Return a flag about what ``person`` of the platform did."""
    flag_id, now = new_id(), wall_now()
    write(
        AuditFlagRow,
        flag_id=flag_id,
        rule=FlagRule.MANY_LOOKUPS.value,
        account_id=(person or an_operator()).account_id,
        since_at=now,
        act_count=61,
        state=AuditFlagState.OPEN.value,
        found_at=now,
    )
    return flag_id


def a_table_export(person: Person, what: ExportedTable = ExportedTable.STORE_DAYS, *, is_run: bool = True) -> UUID:
    """Return an export of today that ``person`` asked for."""
    today = wall_now().astimezone(SHANGHAI).date()
    asked = ask_export(person.actor, a_claim(person), what=what, from_on=today, until_on=today + timedelta(days=1))
    if is_run:
        run_export(asked.export_id)
    return asked.export_id
