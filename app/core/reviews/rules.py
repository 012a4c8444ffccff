"""Pure rules of reviews: how long one may write, how much, and how a review is spoken about."""

from datetime import timedelta

REVIEW_WINDOW = timedelta(days=30)
"""From the completion of an order."""
ADDITION_WINDOW = timedelta(days=180)
"""From the review: what one only finds out by using it."""
APPEAL_WINDOW = timedelta(days=30)
"""From the folding."""
WORDS_MAX = 1_000
REPLY_MAX = 500
REASON_MAX = 200
PICTURES_MAX = 9
"""In a review, and again in what is added to it."""
UPLOADS_MAX = 2 * PICTURES_MAX
"""Pictures that are kept for the review of one order."""
