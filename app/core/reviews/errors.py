"""What can be wrong with a review."""

from app.kernel.errors import Conflict, Invalid, NotFound


class ReviewNotFound(NotFound):
    """The order has no review, or is not one of yours."""

    code = "review_not_found"
    title = "Review not found"


class ReviewGiven(Conflict):
    """The order was reviewed: once is all."""

    code = "review_given"
    title = "The order was reviewed"


class NotReviewable(Conflict):
    """Only what was completed is reviewed; parameter ``state``."""

    code = "not_reviewable"
    title = "The order cannot be reviewed"


class ReviewTooLate(Conflict):
    """The time to write, add or appeal is over; parameter ``days``."""

    code = "review_too_late"
    title = "Too late"


class AdditionGiven(Conflict):
    """Something was added before: once is all."""

    code = "addition_given"
    title = "Something was added before"


class ReplyGiven(Conflict):
    """The shop replied before: once is all."""

    code = "reply_given"
    title = "The shop has replied"


class OfferNotOfOrder(Invalid):
    """The order holds no such offer, or it is named twice; parameter ``offer_id``."""

    code = "offer_not_of_order"
    title = "Not an offer of this order"


class ReviewPictureUnknown(Invalid):
    """No such picture was uploaded for this order, or it is named twice."""

    code = "review_picture_unknown"
    title = "No such picture"


class TooManyReviewPictures(Conflict):
    """So many pictures are kept for one order; parameter ``pictures_max``."""

    code = "too_many_review_pictures"
    title = "Too many pictures"


class OwnFolding(Conflict):
    """Who folded a review does not decide about the appeal."""

    code = "own_folding"
    title = "Another person decides"
