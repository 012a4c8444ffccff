"""Text messages. The sandbox keeps them where developers can read them; a real provider is reached over HTTPS."""

import requests
import structlog
from sqlalchemy import text

from app.kernel.errors import Unavailable
from app.kernel.ids import new_id
from app.kernel.sealing import blind_index
from app.kernel.transaction import transaction

_KEEP = text("INSERT INTO sandbox_messages (message_id, phone_index, body) VALUES (:message_id, :phone_index, :body)")
_CONTEXT = "sandbox_messages.phone"
_LATEST = text(
    """
    SELECT body, sent_at FROM sandbox_messages WHERE phone_index = :phone_index ORDER BY sent_at DESC LIMIT 10
    """
)
CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 3, 5

log = structlog.get_logger()


class MessageNotSent(Unavailable):
    """The provider did not take the message; ask again later."""

    code = "message_not_sent"
    title = "The message could not be sent"


class SandboxMessages:
    """Keeps messages in a table ; the log says that one was sent, the phone masked. Development and tests only."""

    def send_code(self, *, phone: str, code: str) -> None:
        """Keep a sign-in code."""
        with transaction() as tx:
            tx.execute(
                _KEEP,
                {"message_id": new_id(), "phone_index": blind_index(phone, context=_CONTEXT), "body": code},
            )
        log.info("sandbox text message", phone=f"{phone[:6]}****{phone[-4:]}")

    def read(self, phone: str) -> list[dict[str, object]]:
        """Return the latest messages to ``phone`` (E.164), newest first."""
        with transaction() as tx:
            rows = tx.execute(_LATEST, {"phone_index": blind_index(phone, context=_CONTEXT)})
            return [{"code": row.body, "sent_at": row.sent_at} for row in rows]


class HttpMessages:
    """Posts a sign-in code to a provider's HTTPS endpoint as JSON ``{"phone", "code"}`` with a bearer key."""

    def __init__(self, url: str, key: str) -> None:
        self._url, self._key = url, key

    def send_code(self, *, phone: str, code: str) -> None:
        """Send a sign-in code.

        :raises MessageNotSent: no 2xx within the time limits.
        """
        try:
            answer = requests.post(
                self._url,
                json={"phone": phone, "code": code},
                headers={"Authorization": f"Bearer {self._key}"},
                timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
                allow_redirects=False,
            )
            answer.raise_for_status()
        except requests.RequestException:
            raise MessageNotSent from None
