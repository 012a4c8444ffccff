"""Text messages. The sandbox keeps them where developers can read them; a real provider is reached over HTTPS."""

from collections.abc import Sequence

import requests
import structlog
from sqlalchemy import text

from app.core.notices.models import MessageKind
from app.kernel.concurrency import set_aside
from app.kernel.errors import Unavailable
from app.kernel.ids import new_id
from app.kernel.sealing import blind_index
from app.kernel.transaction import read, transaction
from app.kernel.wire import Row

_KEEP = text(
    """
    INSERT INTO sandbox_messages (message_id, phone_index, kind, body)
    VALUES (:message_id, :phone_index, :kind, :body)
    """
)
_CONTEXT = "sandbox_messages.phone"
_LATEST = text(
    """
    SELECT body, sent_at FROM sandbox_messages WHERE phone_index = :phone_index AND kind = :kind
    ORDER BY sent_at DESC LIMIT 10
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
        """Keep a code."""
        self._keep(phone, MessageKind.CODE, code)

    def send_notice(self, *, phone: str, kind: str) -> None:
        """Keep a notice."""
        self._keep(phone, MessageKind.NOTICE, kind)

    def read(self, phone: str) -> list[dict[str, object]]:
        """Return the latest codes to ``phone`` (E.164), newest first."""
        return [{"code": row.body, "sent_at": row.sent_at} for row in self._latest(phone, MessageKind.CODE)]

    def read_notices(self, phone: str) -> list[dict[str, object]]:
        """Return the latest notices to ``phone`` (E.164), newest first."""
        return [{"kind": row.body, "sent_at": row.sent_at} for row in self._latest(phone, MessageKind.NOTICE)]

    @staticmethod
    def _keep(phone: str, kind: MessageKind, body: str) -> None:
        index = blind_index(phone, context=_CONTEXT)
        with transaction() as tx:
            tx.execute(_KEEP, {"message_id": new_id(), "phone_index": index, "kind": kind.value, "body": body})
        log.info("sandbox text message", kind=kind.value, phone=f"{phone[:6]}****{phone[-4:]}")

    @staticmethod
    def _latest(phone: str, kind: MessageKind) -> Sequence[Row]:
        index = blind_index(phone, context=_CONTEXT)
        return read(_LATEST, {"phone_index": index, "kind": kind.value}).fetchall()


class HttpMessages:
    """Posts to a provider's HTTPS endpoint with a bearer key: ``{"phone", "code"}``, or ``{"phone", "notice"}``."""

    def __init__(self, url: str, key: str) -> None:
        self._url, self._key = url, key

    def send_code(self, *, phone: str, code: str) -> None:
        """Send a code.

        :raises MessageNotSent: no 2xx within the time limits.
        """
        self._post({"phone": phone, "code": code})

    def send_notice(self, *, phone: str, kind: str) -> None:
        """Send a notice.

        :raises MessageNotSent: no 2xx within the time limits.
        """
        self._post({"phone": phone, "notice": kind})

    def _post(self, message: dict[str, str]) -> None:
        try:
            with set_aside():
                answer = requests.post(
                    self._url,
                    json=message,
                    headers={"Authorization": f"Bearer {self._key}"},
                    timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
                    allow_redirects=False,
                )
            answer.raise_for_status()
        except requests.RequestException:
            raise MessageNotSent from None
