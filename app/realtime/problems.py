"""Refusals of the live door as RFC 9457 problem documents. The words come from the catalogs that all doors share."""

from dataclasses import dataclass

import orjson

from app.web.messages import choose_language, say

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is answered in place of a stream.

    :param headers: what the status wants beside the document.
    """

    code: str
    status: int
    headers: tuple[tuple[bytes, bytes], ...] = ()


TICKET_REFUSED = Refusal("ticket_refused", 401, ((b"www-authenticate", b'Bearer realm="linli"'),))
TOO_MANY_STREAMS = Refusal("too_many_streams", 429, ((b"retry-after", b"30"),))
DATABASE_UNAVAILABLE = Refusal("database_unavailable", 503, ((b"retry-after", b"1"),))
ROUTE_NOT_FOUND = Refusal("route_not_found", 404)
METHOD_NOT_ALLOWED = Refusal("method_not_allowed", 405, ((b"allow", b"GET"),))


def render(refusal: Refusal, *, accept_language: str, public_url: str) -> tuple[Headers, bytes]:
    """Return headers and document of a refusal, in the asker's language."""
    language = choose_language(accept_language)
    document = {
        "type": f"{public_url}/problems/{refusal.code}",
        "title": say(refusal.code, "title", language, {}),
        "status": refusal.status,
        "detail": say(refusal.code, "detail", language, {}),
        "code": refusal.code,
    }
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-language", b"zh-CN" if language == "zh" else b"en"),
        *refusal.headers,
    ]
    return headers, orjson.dumps(document)
