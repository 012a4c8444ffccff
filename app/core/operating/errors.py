"""What can be wrong at the operator's desk."""

from app.kernel.errors import Conflict, Forbidden, Invalid, NotFound


class WorkNotFound(NotFound):
    """Nothing of this kind waits under this id, or not for the asker."""

    code = "work_not_found"
    title = "Nothing waits here"


class WorkTaken(Conflict):
    """Somebody else looks after it."""

    code = "work_taken"
    title = "Somebody else looks after it"


class AuditFlagNotFound(NotFound):
    """No such flag of the audit log."""

    code = "audit_flag_not_found"
    title = "Flag not found"


class OwnAuditFlag(Forbidden):
    """It is about what the asker did."""

    code = "own_audit_flag"
    title = "Nobody looks into their own acts"


class FeatureOff(Conflict):
    """The platform switched this off for now; parameter ``feature``."""

    code = "feature_off"
    title = "Switched off for now"


class SearchNeedsOne(Invalid):
    """A search names a phone, an order's number or an id, and nothing else."""

    code = "search_needs_one"
    title = "A search names one thing"


class ExportNotFound(NotFound):
    """No such export of the asker's, or it is not ready, or gone."""

    code = "table_export_not_found"
    title = "Export not found"


class TooManyExports(Conflict):
    """The asker has ``open_max`` exports under way."""

    code = "too_many_exports"
    title = "Too many exports under way"


class AnnouncementInvalid(Invalid):
    """An announcement ends after it begins, is not past, and lasts at most ``days_max`` days."""

    code = "announcement_invalid"
    title = "The announcement is not possible"
