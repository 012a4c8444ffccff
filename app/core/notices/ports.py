"""The port by which text messages leave."""

from typing import Protocol


class TextMessages(Protocol):
    """Sends a sign-in code to a phone. Called outside any transaction; bounded by the adapter's own timeout."""

    def send_code(self, *, phone: str, code: str) -> None:
        """Send ``code`` to ``phone`` (E.164).

        :raises app.kernel.errors.Unavailable: the message could not be handed over.
        """
        ...
