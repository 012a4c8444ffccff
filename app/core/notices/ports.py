"""The ports by which text messages leave. Called outside any transaction; bounded by the adapter's own timeout."""

from typing import Protocol


class TextMessages(Protocol):
    """Sends a code to a phone."""

    def send_code(self, *, phone: str, code: str) -> None:
        """Send ``code`` to ``phone`` (E.164).

        :raises app.kernel.errors.Unavailable: the message could not be handed over.
        """
        ...


class NoticeMessages(Protocol):
    """Tells a phone what changed in its account."""

    def send_notice(self, *, phone: str, kind: str) -> None:
        """Tell ``phone`` what changed in its account; the words are the provider's template for ``kind``.

        :raises app.kernel.errors.Unavailable: the message could not be handed over.
        """
        ...
