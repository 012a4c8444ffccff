"""What can stand against erasing somebody."""

from app.kernel.errors import Conflict, NotFound


class ErasureHindered(Conflict):
    """Something is open still; ``reasons`` lists what: ``orders``, ``payments``, ``money``, ``parts``, ``work``."""

    code = "erasure_hindered"
    title = "Something is open still"


class ErasureWaiting(Conflict):
    """Erasure was asked for already; parameter ``due_at``."""

    code = "erasure_waiting"
    title = "Erasure was asked for already"


class ErasureNotFound(NotFound):
    """No erasure of one's account waits."""

    code = "erasure_not_found"
    title = "No erasure waits"
