"""Which offers the platform looks at before they are sold, and what a merchant's change makes of their state. Pure."""

from app.core.catalog.models import OfferState

_WAITING = frozenset({OfferState.IN_REVIEW, OfferState.REFUSED})


def state_after(current: OfferState, asked: OfferState | None, *, is_reviewed: bool, is_said_anew: bool) -> OfferState:
    """Return an offer's state after its merchant's change.

    What is said anew of an offer that is reviewed waits for the platform. What waits, or was refused, comes on sale by
    the platform alone; its merchant may hand it in again, or remove it.

    :param asked: on sale, paused or removed; None leaves it.
    :param is_reviewed: by a new shop, or in a sensitive category. :param is_said_anew: name, words or category change.
    """
    if asked is OfferState.REMOVED:
        return OfferState.REMOVED
    if is_reviewed and is_said_anew:
        return OfferState.IN_REVIEW
    if current is OfferState.REFUSED and asked is OfferState.ON_SALE:
        return OfferState.IN_REVIEW
    if current in _WAITING or asked is None:
        return current
    return asked


def is_paused_after(current: OfferState, asked: OfferState | None, *, was_paused_after: bool) -> bool:
    """Say whether an offer is paused once it is approved: as its merchant last put it, before the look or during it.

    :param was_paused_after: what this said before, of an offer that waits or was refused.
    """
    if asked in {OfferState.PAUSED, OfferState.ON_SALE}:
        return asked is OfferState.PAUSED
    return was_paused_after if current in _WAITING else current is OfferState.PAUSED
