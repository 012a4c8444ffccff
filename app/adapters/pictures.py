"""Where pictures are kept: a folder of this machine, or a bucket that speaks the S3 API (Signature Version 4)."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

import requests

from app.core.catalog.ports import PicturesUnreachable
from app.kernel.clock import wall_now
from app.kernel.concurrency import set_aside
from app.kernel.files import put_whole

CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 3, 10
_FOUND, _GONE = {200, 201, 204}, {404}


@dataclass(frozen=True, slots=True)
class FolderPictures:
    """Keeps files in a folder, spread over 256 folders; each appears whole or not at all."""

    folder: Path

    def put(self, name: str, content: bytes) -> None:
        """Keep a file."""
        path = self._path(name)
        try:
            put_whole(path, content)
        except OSError:
            raise PicturesUnreachable from None

    def get(self, name: str) -> bytes | None:
        """Return a file, or None."""
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError:
            raise PicturesUnreachable from None

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        try:
            self._path(name).unlink(missing_ok=True)
        except OSError:
            raise PicturesUnreachable from None

    def _path(self, name: str) -> Path:
        return self.folder / name[:2] / name


@dataclass(frozen=True, slots=True, repr=False)
class S3Pictures:
    """Keeps files in a bucket, addressed by path: ``{endpoint}/{bucket}/{name}``. Holds a secret: never printed."""

    endpoint: str
    bucket: str
    region: str
    key_id: str
    secret: str

    def put(self, name: str, content: bytes) -> None:
        """Keep a file."""
        if self._send("PUT", name, content).status_code not in _FOUND:
            raise PicturesUnreachable

    def get(self, name: str) -> bytes | None:
        """Return a file, or None."""
        answer = self._send("GET", name, b"")
        if answer.status_code in _GONE:
            return None
        if answer.status_code not in _FOUND:
            raise PicturesUnreachable
        return answer.content

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        if self._send("DELETE", name, b"").status_code not in _FOUND | _GONE:
            raise PicturesUnreachable

    def _send(self, method: str, name: str, content: bytes) -> requests.Response:
        path = f"/{quote(self.bucket)}/{quote(name)}"
        headers = self.signed(method, path, content, wall_now())
        try:
            with set_aside():
                return requests.request(
                    method,
                    self.endpoint + path,
                    data=content or None,
                    headers=headers,
                    timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
                    allow_redirects=False,
                )
        except requests.RequestException:
            raise PicturesUnreachable from None

    def signed(self, method: str, path: str, content: bytes, moment: datetime) -> dict[str, str]:
        """Return the headers that sign a request (AWS Signature Version 4, as its documentation describes it)."""
        stamp = moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        digest = hashlib.sha256(content).hexdigest()
        headers = {"host": urlsplit(self.endpoint).netloc, "x-amz-content-sha256": digest, "x-amz-date": stamp}
        names = ";".join(sorted(headers))
        canonical = "\n".join(
            [method, path, "", *(f"{name}:{headers[name]}" for name in sorted(headers)), "", names, digest]
        )
        scope = f"{stamp[:8]}/{self.region}/s3/aws4_request"
        to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = f"AWS4{self.secret}".encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
        credential = f"Credential={self.key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
        return {**headers, "authorization": f"AWS4-HMAC-SHA256 {credential}"}
