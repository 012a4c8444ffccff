"""The one connection that hears the relay, reads what is new and hands it to the hub; it outlives the database."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from psycopg import AsyncConnection, OperationalError
from psycopg import Error as DatabaseError

from app.realtime.hub import Hub
from app.realtime.table import BATCH, CHANNEL, Connection, configure, connection_options, newest_position, read_after

LOOK_S = 5.0
"""Without a notification the table is looked at this often: it also shows whether the connection is still good."""

PAUSE_S = 0.05
PAUSE_S_MAX = 2.0

log = structlog.get_logger()


class Feed:
    """Keeps a hub up to date for as long as :meth:`run` runs.

    :param on_return: run beside the feed each time when the database is back; other connections are broken by then.
    """

    def __init__(self, database_url: str, hub: Hub, on_return: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._database_url = database_url
        self._hub = hub
        self._on_return = on_return
        self._returning: asyncio.Task[None] | None = None
        self.is_connected = False

    async def run(self) -> None:
        """Follow the table until canceled; when the database goes away come back to it and catch up."""
        pause_s = PAUSE_S
        while True:
            try:
                connection = await AsyncConnection.connect(self._database_url, **connection_options())
                async with connection:
                    await configure(connection)
                    await connection.execute(f"LISTEN {CHANNEL}")
                    await self._begin(connection)
                    self.is_connected, pause_s = True, PAUSE_S
                    await self._follow(connection)
            except (DatabaseError, OSError) as error:
                level = log.warning if isinstance(error, OperationalError | OSError) else log.error
                level("live feed lost", error=type(error).__name__, again_in_s=pause_s)
            finally:
                self.is_connected = False
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - spreads processes, guards nothing
            pause_s = min(2 * pause_s, PAUSE_S_MAX)

    async def _begin(self, connection: Connection) -> None:
        """Take up the numbering: at its end on the first connection, where we stood on every later one."""
        newest = await newest_position(connection)
        if self._hub.position is None:
            self._hub.position = newest
            return
        self._returning = asyncio.create_task(self._on_return())
        if newest < self._hub.position:
            log.error("live positions went back", position=self._hub.position, newest=newest)
            self._hub.reset(newest)

    async def _follow(self, connection: Connection) -> None:
        """Catch up, then again after each notification; ends by an error alone."""
        heard: int | None = None
        while True:
            if heard is None or heard > (self._hub.position or 0):
                await self._catch_up(connection)
            heard = None
            async for notification in connection.notifies(timeout=LOOK_S, stop_after=1):
                heard = int(notification.payload) if notification.payload.isdecimal() else None

    async def _catch_up(self, connection: Connection) -> None:
        while True:
            events = await read_after(connection, self._hub.position or 0)
            self._hub.publish(events)
            if len(events) < BATCH:
                return
            await asyncio.sleep(0)
