"""Live events: one ASGI process that holds many ``text/event-stream`` connections, without a framework.

A stream is opened by a one-time ticket (:mod:`app.usecases.people.live`), never by a token in a URL. Its events are
rows of ``live_events``: the relay numbers them, one connection hears of them by ``LISTEN``, and each goes to the
listeners of its topics. The number is the event's ``id``, so a listener that comes back with ``Last-Event-ID`` misses
nothing, or is told by ``event: resync`` that it has to read its state anew.

Start it with ``granian --interface asgi app.realtime:app``. The environment is read at start, not at import.
"""

from app.realtime.door import LiveDoor

app = LiveDoor()
