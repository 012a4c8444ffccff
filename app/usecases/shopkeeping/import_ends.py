"""Imports of offers that come to nothing: they failed for good, or their merchant gave them up. Another may begin."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from app.core.catalog.errors import ImportEnded, ImportNotFound
from app.core.catalog.imports import RUNNING, ImportFailure, ImportState
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, closing, opening, read, transaction, write_alone
from app.usecases.shopkeeping.shelf import MEMBER, lock

_FAIL = text(
    """
    UPDATE shelf_imports SET state = 'failed', failure = :failure, written_count = 0, file = NULL,
        ended_at = business_now()
    WHERE import_id = :import_id AND state IN ('waiting', 'reading', 'writing')
    """
)
_LOCK_IMPORT = opening(
    f"""
    SELECT i.import_id, i.shop_id, i.state FROM shelf_imports AS i JOIN shops AS s ON s.shop_id = i.shop_id
    {MEMBER} AND i.import_id = :import_id FOR UPDATE OF i
    """
)
_CANCEL = closing(
    """
    canceled AS (
        UPDATE shelf_imports SET state = :state, written_count = 0, file = NULL, ended_at = business_now()
        WHERE import_id = :import_id
    )"""
)
_SILENT = text(
    """
    SELECT import_id FROM shelf_imports
    WHERE state IN ('waiting', 'reading', 'writing') AND asked_at < business_now() - interval '1 minute'
    ORDER BY asked_at LIMIT :limit
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportAsked:
    """What asking for an import answers."""

    import_id: UUID
    state: str


def fail_import(import_id: UUID, failure: ImportFailure) -> None:
    """End an import that will come to nothing, so that its merchant reads why and may begin another."""
    write_alone(_FAIL, {"import_id": import_id, "failure": failure.value})


def cancel_import(actor: Actor, claim: Claim, *, import_id: UUID) -> ImportAsked:
    """Give up an import that waits or runs (放弃导入): nothing of it comes onto the shelf.

    :raises ImportNotFound: it is not of the actor's shops. :raises ImportEnded: what it came to stands.
    """
    with transaction(claim) as tx:
        row = lock(tx, _LOCK_IMPORT, {"import_id": import_id, **actor.as_member}, ImportNotFound)
        if row.state not in RUNNING:
            raise ImportEnded(state=row.state)
        canceled = ImportAsked(import_id=import_id, state=ImportState.CANCELED.value)
        tx.keep(canceled)
        tx.close(_CANCEL, {"import_id": import_id, "state": canceled.state})
    return canceled


def silent_imports(limit: int) -> list[UUID]:
    """Return imports that were asked for a minute ago or more and have not ended: each has a job, or needs one."""
    return [row.import_id for row in read(_SILENT, {"limit": limit})]
