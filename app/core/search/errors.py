"""What can be wrong with a search."""

from app.kernel.errors import Invalid


class PlaceOutside(Invalid):
    """The point lies outside of where Linli is; parameter ``is_swapped`` says that the other way round it would not."""

    code = "place_outside"
    title = "The place is outside of China"


class PlaceMissing(Invalid):
    """A search is near an address or near a point: one of the two, and both coordinates of the point."""

    code = "place_missing"
    title = "Near what?"


class WordsInvalid(Invalid):
    """Nothing to search for in these words, or too many of them; parameter ``terms_max``."""

    code = "words_invalid"
    title = "These words cannot be searched for"


class SearchTooWide(Invalid):
    """So wide a circle is searched by words only; parameter ``radius_m_max``."""

    code = "search_too_wide"
    title = "The circle is too wide without words"


class AdvertisementDatesInvalid(Invalid):
    """An advertisement ends on or after the day it starts on, and not in the past; parameter ``days_max``."""

    code = "advertisement_dates_invalid"
    title = "The days of the advertisement are not possible"
