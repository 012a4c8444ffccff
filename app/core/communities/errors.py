"""What can be wrong with places."""

from app.kernel.errors import Conflict, Invalid, NotFound


class CommunityNotFound(NotFound):
    """No such community, or one that became part of another and takes nothing new."""

    code = "community_not_found"
    title = "Community not found"


class StoreNotFound(NotFound):
    """No such experience store."""

    code = "store_not_found"
    title = "Store not found"


class OutlineInvalid(Invalid):
    """No outline of a community; parameter ``reason``: corners, crossing, abroad, too_far, center, either."""

    code = "outline_invalid"
    title = "The outline is not possible"


class OutlineOverlaps(Conflict):
    """It shares ground with another community's outline; parameter ``name``, ``community_id``."""

    code = "outline_overlaps"
    title = "The outline overlaps with another community"


class CommunityMerged(Conflict):
    """It became part of another community already."""

    code = "community_merged"
    title = "The community is part of another already"


class MergeImpossible(Conflict):
    """These two cannot become one; parameter ``reason``: itself, too_far."""

    code = "merge_impossible"
    title = "These communities cannot become one"


class SplitImpossible(Conflict):
    """The part cannot stand alone; parameter ``reason``: campaign, name_taken."""

    code = "split_impossible"
    title = "The community cannot be split like this"
