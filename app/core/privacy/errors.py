"""What can stand against erasing somebody."""

from app.kernel.errors import Conflict, Invalid, NotFound, Throttled


class ErasureHindered(Conflict):
    """Something is open still; ``reasons`` lists what: ``orders``, ``payments``, ``money``, ``parts``, ``work``."""

    code = "erasure_hindered"
    title = "Something is open still"


class ConsentVersionOld(Invalid):
    """One agrees to the text that is in force and to no other; parameter ``version``."""

    code = "consent_version_old"
    title = "Another version is in force"


class ConsentNeeded(Conflict):
    """Terms and privacy policy have to be agreed to first, in the versions in force; parameter ``versions``."""

    code = "consent_needed"
    title = "Terms and privacy policy have to be agreed to"


class ErasureWaiting(Conflict):
    """Erasure was asked for already; parameter ``due_at``."""

    code = "erasure_waiting"
    title = "Erasure was asked for already"


class ErasureNotFound(NotFound):
    """No erasure of one's account waits."""

    code = "erasure_not_found"
    title = "No erasure waits"


class ThreadClosed(Conflict):
    """The order is not paid, or was handed over or ended more than half an hour ago."""

    code = "thread_closed"
    title = "The conversation is closed"


class TooManyOrderMessages(Throttled):
    """Twenty messages in ten minutes by one side of an order; parameter ``retry_after_s``."""

    code = "too_many_order_messages"
    title = "Too many messages"


class DataExportWaiting(Conflict):
    """An export was asked for less than a day ago."""

    code = "data_export_waiting"
    title = "An export was asked for already"


class DataExportNotFound(NotFound):
    """No such export of one's own, not made yet, or expired."""

    code = "data_export_not_found"
    title = "Export not found"
