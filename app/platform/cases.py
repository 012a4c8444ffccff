"""Routes by which the platform reads after-sale cases and rules on them."""

from typing import Any
from uuid import UUID

from flask import Response, current_app

from app.core.aftersale.errors import CaseNotFound
from app.core.aftersale.rules import CaseFault
from app.core.proof.errors import PhotoNotFound
from app.kernel import audit
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, transaction
from app.usecases.aftersale.cases import CaseStands
from app.usecases.aftersale.rule import Ruling, rule_case
from app.usecases.proving.photos import BY_PLATFORM, opened
from app.web.cases import (
    ALL_CASES,
    ANY_CASE,
    BorneCaseOut,
    BorneCasesOut,
    CasesQuery,
    CaseStandsOut,
    RulingIn,
    borne_case,
    case_page,
)
from app.web.door import Door
from app.web.paging import page
from app.web.photos import shown_photo
from app.web.policy import Relation, policy


def add_ruled_cases(door: Door) -> None:
    """Add what the platform does about cases."""

    @door.get("/cases", query=CasesQuery, answer=BorneCasesOut)
    @policy("case.read", Relation.PLATFORM)
    def list_cases(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List cases of all shops, newest first."""
        with transaction() as tx:
            rows = tx.execute(ALL_CASES, case_page(query)).fetchall()
            if rows:
                seen = {"case_ids": [str(row.case_id) for row in rows]}
                audit.record(tx, actor, "case.read", subject_kind="case", details=seen)
        return page([borne_case(row) for row in rows], limit=query["limit"], key="case_id")

    @door.get("/cases/<uuid:case_id>", answer=BorneCaseOut)
    @policy("case.read", Relation.PLATFORM)
    def read_case(actor: Actor, *, case_id: UUID) -> dict[str, Any]:
        """Read any case."""
        with transaction() as tx:
            row = tx.execute(ANY_CASE, {"case_id": case_id}).one_or_none()
            if row is None:
                raise CaseNotFound
            audit.record(tx, actor, "case.read", subject_kind="case", subject_id=case_id, whom_id=row.account_id)
        return borne_case(row)

    @door.get("/photos/<uuid:photo_id>", pages=("image/jpeg",))
    @policy("case.read", Relation.PLATFORM)
    def show_photo(actor: Actor, *, photo_id: UUID) -> Response:
        """Show any photo that was handed in as proof; who saw it is recorded."""
        with transaction() as tx:
            row = tx.execute(BY_PLATFORM, {"photo_id": photo_id}).one_or_none()
            if row is None:
                raise PhotoNotFound
            audit.record(tx, actor, "photo.read", subject_kind="photo", subject_id=photo_id, whom_id=row.account_id)
        return shown_photo(opened(current_app.extensions["linli_pictures"], row))

    @door.post("/cases/<uuid:case_id>/ruling", body=RulingIn, answer=CaseStandsOut, once=True)
    @policy("case.rule", Relation.PLATFORM)
    def rule(actor: Actor, *, claim: Claim, case_id: UUID, body: dict[str, Any]) -> CaseStands:
        """Rule on a case that was brought before the platform: a refund, a return, or neither."""
        ruled = {**body, "ruling": Ruling(body["ruling"]), "fault": CaseFault(body["fault"])}
        return rule_case(actor, claim, case_id=case_id, **ruled)
