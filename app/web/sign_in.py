"""Sign-in, the same at every door: a code by text message, a session, its refresh and end; live tickets."""

from typing import Any

from flask import current_app, request
from flask_jwt_extended import create_access_token
from marshmallow import fields

from app.core.accounts.models import CodePurpose
from app.core.privacy.models import ASKED_FOR, Purpose
from app.kernel.actor import Actor, Side
from app.kernel.ids import new_id
from app.usecases.people import codes
from app.usecases.people import sign_in as people
from app.usecases.people.codes import Asker
from app.usecases.people.live import issue_ticket
from app.usecases.privacy.consents import Agreement
from app.web.door import Door, needs_passkey
from app.web.fields import Body, Choice, Id, Int, Many, Pattern, Text
from app.web.policy import Relation, policy
from app.web.sessions import add_sessions
from app.web.tokens import LIFETIME_S

_OWN_PURPOSES = [purpose for purpose in CodePurpose if purpose is not CodePurpose.SIGN_IN]
_CODE_LIFETIME_S = int(codes.LIFETIME.total_seconds())


class CodeIn(Body):
    """Whom to send a code to; the device is any name that the app keeps for itself, best with a random part.

    ``device_token`` is what the last sign-in from this device gave: with it nobody else's requests stand in the way.
    """

    phone = Text(high=20, required=True)
    device = Text(high=64, required=True)
    device_token = Text(high=100)


class OwnCodeIn(Body):
    """What a code to one's own phone is to be good for."""

    purpose = Choice(_OWN_PURPOSES, required=True)


class CodeOut(Body):
    """The code is under way."""

    expires_in_s = Int(low=1, high=3600, required=True)


class AgreementIn(Body):
    """A version that the person agrees to."""

    purpose = Choice(sorted(ASKED_FOR), required=True)
    version = Text(high=40, required=True)


class SessionIn(Body):
    """The code that came, for the phone and device it was asked for.

    With ``agreements`` the person agrees to terms and privacy policy as they sign in; they may as well do so later.
    """

    phone = Text(high=20, required=True)
    code = Pattern(r"[0-9]{6}", high=6, required=True)
    device = Text(high=64, required=True)
    device_token = Text(high=100)
    agreements = Many(fields.Nested(AgreementIn), high=2, load_default=list)


class RefreshIn(Body):
    """The last refresh token."""

    refresh_token = Text(high=100, required=True)


class SessionOut(Body):
    """A token for ten minutes and the means to get the next."""

    account_id = Id(required=True)
    access_token = Text(high=2000, required=True)
    expires_in_s = Int(low=1, high=3600, required=True)
    refresh_token = Text(high=100, required=True)


class BegunOut(SessionOut):
    """A new session. The device token proves this device the next time somebody signs in by this phone from it."""

    device_token = Text(high=100, required=True)


class TicketOut(Body):
    """Opens one live stream within a minute: ``GET {live_url}/live?ticket=…``."""

    ticket = Text(high=200, required=True)
    expires_in_s = Int(low=1, high=3600, required=True)
    url = Text(high=500, required=True)


def add_sign_in(door: Door, side: Side) -> None:
    """Add the routes of sign-in and sessions to ``door``."""
    add_sessions(door)

    @door.post("/sign-in-codes", body=CodeIn, answer=CodeOut, status=202)
    @policy("session.begin", Relation.ANYONE)
    def ask_for_code(body: dict[str, Any]) -> dict[str, Any]:
        """Send a sign-in code by text message."""
        codes.send(current_app.extensions["linli_messages"], _asker(body), CodePurpose.SIGN_IN)
        return {"expires_in_s": _CODE_LIFETIME_S}

    @door.post("/codes", body=OwnCodeIn, answer=CodeOut, status=202)
    @policy("code.ask", Relation.OWN)
    def ask_for_own_code(actor: Actor, *, body: dict[str, Any]) -> dict[str, Any]:
        """Send a code to one's own phone, for an act that wants a fresh one."""
        codes.send_own(current_app.extensions["linli_messages"], actor, CodePurpose(body["purpose"]))
        return {"expires_in_s": _CODE_LIFETIME_S}

    @door.post("/sessions", body=SessionIn, answer=BegunOut, status=201)
    @policy("session.begin", Relation.ANYONE)
    def begin_session(body: dict[str, Any]) -> dict[str, Any]:
        """Exchange a code for a session; a resident's first one opens the account."""
        begun = people.sign_in(
            _asker(body),
            code=body["code"],
            side=side,
            needs_passkey=needs_passkey(side),
            agreements=[Agreement(Purpose(one["purpose"]), one["version"]) for one in body["agreements"]],
        )
        return {**session_of(begun, side), "device_token": begun.device_token}

    @door.post("/sessions/refresh", body=RefreshIn, answer=SessionOut)
    @policy("session.refresh", Relation.ANYONE)
    def refresh_session(body: dict[str, Any]) -> dict[str, Any]:
        """Go on with a session; the refresh token is used up, and one that is used twice ends the session."""
        return session_of(people.refresh(refresh_token=body["refresh_token"], side=side), side)

    @door.delete("/sessions/current")
    @policy("session.end", Relation.OWN)
    def end_session(actor: Actor) -> None:
        """Sign out."""
        people.sign_out(actor)

    @door.post("/live-tickets", answer=TicketOut, status=201)
    @policy("live.listen", Relation.OWN)
    def ask_for_ticket(actor: Actor) -> dict[str, Any]:
        """Get a one-time ticket for one's live events."""
        ticket = issue_ticket(actor, [])
        url = f"{current_app.config['LINLI'].live_url}/live?ticket={ticket.ticket}"
        return {"ticket": ticket.ticket, "expires_in_s": ticket.expires_in_s, "url": url}


def _asker(body: dict[str, Any]) -> Asker:
    return Asker(
        phone=body["phone"],
        device=body["device"],
        device_token=body.get("device_token"),
        address=request.remote_addr,
    )


def session_of(signed_in: people.SignedIn, side: Side) -> dict[str, Any]:
    """Return what a session answers."""
    return {
        "account_id": signed_in.account_id,
        "access_token": access_token(signed_in, side),
        "expires_in_s": LIFETIME_S,
        "refresh_token": signed_in.refresh_token,
    }


def access_token(signed_in: people.SignedIn, side: Side) -> str:
    """Return an access token for a session at ``side``, signed with the first key of the ring."""
    kid = next(iter(current_app.config["LINLI"].token_keys))
    token: str = create_access_token(
        identity=str(signed_in.account_id),
        additional_claims={"aud": side.value, "sid": str(signed_in.session_id), "jti": str(new_id())},
        additional_headers={"kid": kid},
    )
    return token
