"""What can be wrong with places."""

from app.kernel.errors import NotFound


class CommunityNotFound(NotFound):
    """No such community."""

    code = "community_not_found"
    title = "Community not found"


class StoreNotFound(NotFound):
    """No such experience store."""

    code = "store_not_found"
    title = "Store not found"
