"""What a development stack reads from its surroundings: folders, ports, secrets, the database it is given."""

from __future__ import annotations

import base64
import contextlib
import os
import resource
import secrets
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from app.cli.dev.postgres import MAJOR_MIN

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[3]
"""The checkout."""

HOST = "127.0.0.1"
"""Where a development stack listens; never on an outside address."""

PORT_DEFAULT = 8000
PORT_MAX = 65535 - 3
"""The web server's port is the first of four."""

CONNECT_S = 5
"""Longest wait for a database server to take a connection, seconds."""


class StackError(Exception):
    """The stack cannot be had; the message is one sentence for a person."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The four neighboring ports of a stack."""

    web: int

    @property
    def live(self) -> int:
        """Port of the live-event process."""
        return self.web + 1

    @property
    def gateway(self) -> int:
        """Port of the sandbox payment gateway."""
        return self.web + 2

    @property
    def billers(self) -> int:
        """Port of the sandbox billers."""
        return self.web + 3


def ports_from(environment: Mapping[str, str]) -> Ports:
    """Return the ports that ``PORT`` asks for.

    :raises StackError: it is no number between 1 and :data:`PORT_MAX`.
    """
    asked = environment.get("PORT") or str(PORT_DEFAULT)
    if not (asked.isascii() and asked.isdigit() and 1 <= int(asked) <= PORT_MAX):
        raise StackError(f"PORT must be a number from 1 to {PORT_MAX}, not {asked!r}.")
    return Ports(int(asked))


def data_dir_from(environment: Mapping[str, str], default: Path) -> Path:
    """Return the folder that ``DATA_DIR`` names, or ``default``; a relative one starts at the working directory."""
    return Path(environment.get("DATA_DIR") or default).expanduser().resolve()


def refuse_taken_port(port: int, purpose: str) -> None:
    """Refuse a port that this process could not listen on.

    :raises StackError: somebody listens there, or the system does not allow it.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise StackError(
                f"Port {port} for the {purpose} cannot be used: {error.strerror}. Choose another with PORT=…"
            ) from error


UNCLAIMED = range(12_000, 32_000)
"""Below the ports that systems give to connections: none of these is taken between this look and a server's start."""


def free_ports() -> Ports:
    """Return four neighboring ports that nobody listens on at this moment, for stacks that live beside others."""
    for _ in range(100):
        ports = Ports(UNCLAIMED.start + secrets.randbelow(len(UNCLAIMED)))
        try:
            for port in (ports.web, ports.live, ports.gateway, ports.billers):
                refuse_taken_port(port, "stack")
        except StackError:
            continue
        return ports
    raise StackError("No four neighboring ports are free.")


def _key(size: int = 32) -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(size)).decode()


def _fresh_secrets() -> dict[str, str]:
    return {
        "LINLI_TOKEN_KEYS": f"dev:{_key()}",
        "LINLI_DATA_KEYS": f"dev:{_key()}",
        "LINLI_INDEX_KEY": _key(),
        "LINLI_CODE_PEPPER": _key(),
        "STRIPE_SECRET_KEY": f"sk_test_{secrets.token_hex(16)}",
        "STRIPE_WEBHOOK_SECRETS": f"whsec_{secrets.token_hex(16)}",
    }


def secrets_in(data_dir: Path) -> dict[str, str]:
    """Return the secrets of the stack in ``data_dir``, made up once and kept in ``secrets.env``.

    The file is readable by its owner alone. Several processes may ask at once: one file wins and all read that one.
    """
    path = data_dir / "secrets.env"
    if not path.exists():
        descriptor, draft = tempfile.mkstemp(prefix=".secrets.", dir=data_dir)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.writelines(f"{name}={value}\n" for name, value in _fresh_secrets().items())
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
        finally:
            Path(draft).unlink()
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def allow_open_files(count: int) -> None:
    """Let this process and its children have ``count`` files and connections open, as far as the system lets them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        allowed = count if hard == resource.RLIM_INFINITY else min(count, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def libpq_url(url: str) -> str:
    """Return a SQLAlchemy address as libpq reads it: without the name of a driver."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme.partition('+')[0]}{separator}{rest}"


def refuse_unusable_server(url: str) -> None:
    """Refuse a database that cannot be reached or is too old.

    :raises StackError: with the reason; never with the password of ``url``.
    """
    try:
        with psycopg.connect(libpq_url(url), connect_timeout=CONNECT_S) as connection:
            version = connection.info.server_version
    except psycopg.ProgrammingError:  # libpq repeats what it cannot read, password and all
        raise StackError("DATABASE_URL is not an address of the form postgresql://user@host/database.") from None
    except psycopg.Error as error:
        reason = (str(error).splitlines() or ["no reason given"])[0]
        raise StackError(f"The database of DATABASE_URL cannot be reached: {reason}") from error
    if version < MAJOR_MIN * 10_000:
        raise StackError(f"The database server is PostgreSQL {version // 10_000}; Linli needs {MAJOR_MIN} or later.")
