"""Passwords, the same at every door: set, changed and removed with a fresh code; sign-in by phone and password."""

from typing import Any

from flask import request

from app.core.accounts.passwords import LENGTH_MAX
from app.kernel.actor import Actor, Side
from app.usecases.people import passwords
from app.usecases.people.codes import Asker
from app.web.door import Door, needs_passkey
from app.web.fields import Body, Flag, Instant, Pattern, Text
from app.web.policy import Relation, policy
from app.web.sign_in import BegunOut, session_of


class PasswordIn(Body):
    """The new password, and a fresh code that was asked for to set it."""

    code = Pattern(r"[0-9]{6}", high=6, required=True)
    password = Text(high=LENGTH_MAX, required=True)


class RemovalIn(Body):
    """A fresh code that was asked for to set a password."""

    code = Pattern(r"[0-9]{6}", high=6, required=True)


class PasswordOut(Body):
    """Whether there is a password, and since when."""

    is_set = Flag(required=True)
    set_at = Instant(required=True, allow_none=True)


class PasswordSessionIn(Body):
    """Phone and password; device and token as for a code."""

    phone = Text(high=20, required=True)
    password = Text(high=LENGTH_MAX, required=True)
    device = Text(high=64, required=True)
    device_token = Text(high=100)


def add_passwords(door: Door, side: Side) -> None:
    """Add the routes of passwords to ``door``."""

    @door.get("/password", answer=PasswordOut)
    @policy("password.read", Relation.OWN)
    def read_password(actor: Actor) -> dict[str, Any]:
        """Say whether one has a password."""
        set_at = passwords.password_set_at(actor)
        return {"is_set": set_at is not None, "set_at": set_at}

    @door.put("/password", body=PasswordIn)
    @policy("password.write", Relation.OWN)
    def set_password(actor: Actor, *, body: dict[str, Any]) -> None:
        """Set or change one's password."""
        passwords.set_password(actor, code=body["code"], password=body["password"])

    @door.post("/password/removal", body=RemovalIn)
    @policy("password.write", Relation.OWN)
    def remove_password(actor: Actor, *, body: dict[str, Any]) -> None:
        """Remove one's password."""
        passwords.remove_password(actor, code=body["code"])

    @door.post("/password-sessions", body=PasswordSessionIn, answer=BegunOut, status=201)
    @policy("session.begin", Relation.ANYONE)
    def begin_session_by_password(body: dict[str, Any]) -> dict[str, Any]:
        """Exchange phone and password for a session; it opens no account."""
        asker = Asker(
            phone=body["phone"],
            device=body["device"],
            device_token=body.get("device_token"),
            address=request.remote_addr,
        )
        begun = passwords.sign_in_by_password(
            asker, password=body["password"], side=side, needs_passkey=needs_passkey(side)
        )
        return {**session_of(begun, side), "device_token": begun.device_token}
