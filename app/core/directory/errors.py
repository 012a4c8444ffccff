"""What can be wrong with listings and claims."""

from app.kernel.errors import Conflict, NotFound


class ListingNotFound(NotFound):
    """No such listing."""

    code = "listing_not_found"
    title = "Listing not found"


class ListingClaimed(Conflict):
    """The listing is somebody's shop already."""

    code = "listing_claimed"
    title = "The listing is claimed already"


class ListingRemote(Conflict):
    """No community is near enough for the listing to become a shop; parameter ``distance_m_max``."""

    code = "listing_remote"
    title = "Linli is not there yet"


class ClaimNotFound(NotFound):
    """No such claim, or none that you may see."""

    code = "claim_not_found"
    title = "Claim not found"


class ClaimWaits(Conflict):
    """The merchant has claimed the listing, and the claim waits for its review."""

    code = "claim_waits"
    title = "A claim waits already"


class TooManyClaims(Conflict):
    """So many claims of one merchant wait already; parameter ``claims_max``."""

    code = "too_many_claims"
    title = "Too many claims wait"


class OwnClaim(Conflict):
    """Nobody decides about a claim of a merchant that they belong to."""

    code = "own_claim"
    title = "Another person has to review this"


class MerchantNotYours(NotFound):
    """No such merchant, or none that you own."""

    code = "claimant_not_found"
    title = "Merchant not found"
