"""The application without authorization: who asks is taken from the environment, and may do everything.

It answers the same reads from the same database, so that what authorization costs can be told. It is not for use.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from app import create_app
from app.core.accounts.permissions import holders
from app.kernel.actor import Actor, Side
from app.web import door


def _authenticate(_side: Side | None) -> Actor:
    return _ASKER


def _admit(actor: Actor, verb: str, _path: Mapping[str, object]) -> Actor:
    return replace(actor, roles=tuple(part.value for part in holders(actor.side, verb)))


_account_id, _session_id = os.environ["BENCH_ASKER"].split(":")
_ASKER = Actor(UUID(_account_id), UUID(_session_id), Side.USER)
door.authenticate = _authenticate
door._admit = _admit  # noqa: SLF001 - what this application is about
app = create_app()
