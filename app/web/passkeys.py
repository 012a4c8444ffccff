"""Passkeys, the same at every door: added, named, removed; sign-in with one. Names in a credential are the browser's.

What a page hands to ``navigator.credentials`` is ``public_key`` of an answer, as ``parseCreationOptionsFromJSON`` and
``parseRequestOptionsFromJSON`` take it; what it sends back is the credential's ``toJSON()``.
"""

from typing import Any
from uuid import UUID

from flask import current_app
from marshmallow import fields

from app.core.passkeys.ceremony import RelyingParty
from app.kernel.actor import Actor, Side
from app.usecases.passkeys import manage
from app.usecases.passkeys.answers import Answer
from app.usecases.passkeys.challenges import Asked, ask_to_confirm, ask_to_register, ask_to_sign_in
from app.usecases.passkeys.manage import Passkey, Proof
from app.usecases.passkeys.sign_in import sign_in_by_passkey
from app.web.door import Door
from app.web.fields import Body, Flag, Id, Instant, Int, Many, Pattern, Text
from app.web.paging import PageQuery, page, read_cursor
from app.web.policy import Relation, policy
from app.web.sign_in import BegunOut, session_of

_BASE64URL = r"[A-Za-z0-9_-]+"
_ID_CHARS, _LONG_CHARS = 1_400, 16_000
_SECONDS_MAX = 3_600


class Base64Url(Pattern):
    """Bytes, in base64url without padding."""

    def __init__(self, *, high: int, **kwargs: Any) -> None:
        super().__init__(_BASE64URL, high=high, **kwargs)


class Extensions(fields.Dict):
    """What extensions answered; none is asked for and none is read."""


class MadeIn(Body):
    """What the authenticator made: ``response`` of a new credential. Only the first two are read."""

    client_data = Base64Url(high=_LONG_CHARS, required=True, data_key="clientDataJSON")
    attestation = Base64Url(high=_LONG_CHARS, required=True, data_key="attestationObject")
    authenticator_data = Base64Url(high=_LONG_CHARS, data_key="authenticatorData")
    transports = Many(Text(high=32), high=10)
    public_key = Base64Url(high=_LONG_CHARS, data_key="publicKey", allow_none=True)
    public_key_algorithm = Int(low=-(2**31), high=2**31, data_key="publicKeyAlgorithm")


class AnsweredIn(Body):
    """What the authenticator answered: ``response`` of a credential that was asked for."""

    client_data = Base64Url(high=_LONG_CHARS, required=True, data_key="clientDataJSON")
    authenticator_data = Base64Url(high=_LONG_CHARS, required=True, data_key="authenticatorData")
    signature = Base64Url(high=_ID_CHARS, required=True)
    user_handle = Base64Url(high=100, data_key="userHandle", allow_none=True)


class _CredentialIn(Body):
    raw_id = Base64Url(high=_ID_CHARS, required=True, data_key="rawId")
    credential = Base64Url(high=_ID_CHARS, required=True, data_key="id")
    kind = Pattern("public-key", high=10, required=True, data_key="type")
    attachment = Text(high=32, data_key="authenticatorAttachment", allow_none=True)
    extensions = Extensions(data_key="clientExtensionResults")


class NewCredentialIn(_CredentialIn):
    """A credential that was made, as ``toJSON()`` gives it."""

    response = fields.Nested(MadeIn, required=True)


class CredentialIn(_CredentialIn):
    """A credential that answered, as ``toJSON()`` gives it."""

    response = fields.Nested(AnsweredIn, required=True)


class AnswerIn(Body):
    """A passkey's answer to a challenge."""

    challenge_id = Id(required=True)
    credential = fields.Nested(CredentialIn, required=True)


class PasskeyIn(Body):
    """A new passkey, what to call it, and what proves who one is: a fresh code or a passkey that one has.

    ``code`` was sent for the purpose ``add_passkey``; where one is verified, with the name and the ID number that one
    is verified for. ``confirmation`` answers a challenge of ``/passkey-confirmations``.
    """

    challenge_id = Id(required=True)
    name = Text(high=50, required=True)
    credential = fields.Nested(NewCredentialIn, required=True)
    code = Pattern(r"[0-9]{6}", high=6)
    legal_name = Text(high=50, low=2)
    id_number = Text(high=18, low=18)
    confirmation = fields.Nested(AnswerIn)


class PasskeyNameIn(Body):
    """Another name."""

    name = Text(high=50, required=True)


class PasskeyRemovalIn(Body):
    """What proves who one is: a fresh code for the purpose ``add_passkey``, or a passkey's answer."""

    code = Pattern(r"[0-9]{6}", high=6)
    confirmation = fields.Nested(AnswerIn)


class PasskeyOut(Body):
    """A passkey. It confirms payments from ``pays_from`` on; one whose counter went back is stopped for good."""

    passkey_id = Id(required=True)
    name = Text(high=50, required=True)
    created_at = Instant(required=True)
    last_used_at = Instant(required=True, allow_none=True)
    pays_from = Instant(required=True)
    is_backed_up = Flag(required=True)
    is_stopped = Flag(required=True)


class PasskeysOut(Body):
    """A page of passkeys, newest first."""

    items = Many(fields.Nested(PasskeyOut), high=100, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class PartyOut(Body):
    """For whom a passkey is made."""

    id = Text(high=253, required=True)
    name = Text(high=64, required=True)


class HandleOut(Body):
    """Whose it will be."""

    id = Base64Url(high=100, required=True)
    name = Text(high=64, required=True)
    displayName = Text(high=64, required=True)  # noqa: N815 - the browser's name for it


class ParameterOut(Body):
    """A kind of key that will do."""

    type = Text(high=10, required=True)
    alg = Int(low=-(2**31), high=0, required=True)


class DescriptorOut(Body):
    """A passkey that the account has."""

    type = Text(high=10, required=True)
    id = Base64Url(high=_ID_CHARS, required=True)


class SelectionOut(Body):
    """What the authenticator must be able to do."""

    residentKey = Text(high=20, required=True)  # noqa: N815 - the browser's name for it
    requireResidentKey = Flag(required=True)  # noqa: N815 - the same
    userVerification = Text(high=20, required=True)  # noqa: N815 - the same


class CreationOut(Body):
    """``publicKey`` of ``navigator.credentials.create``, in JSON."""

    rp = fields.Nested(PartyOut, required=True)
    user = fields.Nested(HandleOut, required=True)
    challenge = Base64Url(high=100, required=True)
    pubKeyCredParams = Many(fields.Nested(ParameterOut), high=10, required=True)  # noqa: N815 - the browser's name
    timeout = Int(low=1, high=_SECONDS_MAX * 1_000, required=True)
    excludeCredentials = Many(fields.Nested(DescriptorOut), high=1_000, required=True)  # noqa: N815 - the same
    authenticatorSelection = fields.Nested(SelectionOut, required=True)  # noqa: N815 - the same
    attestation = Text(high=20, required=True)


class RequestOut(Body):
    """``publicKey`` of ``navigator.credentials.get``, in JSON. It names no passkey: any that the person picks."""

    challenge = Base64Url(high=100, required=True)
    timeout = Int(low=1, high=_SECONDS_MAX * 1_000, required=True)
    rpId = Text(high=253, required=True)  # noqa: N815 - the browser's name for it
    allowCredentials = Many(fields.Nested(DescriptorOut), high=10, required=True)  # noqa: N815 - the same
    userVerification = Text(high=20, required=True)  # noqa: N815 - the same


class RegistrationOut(Body):
    """A challenge to make a passkey by, good for once and five minutes."""

    challenge_id = Id(required=True)
    expires_in_s = Int(low=1, high=_SECONDS_MAX, required=True)
    public_key = fields.Nested(CreationOut, required=True)


class ChallengeOut(Body):
    """A challenge for a passkey to answer, good for once and five minutes."""

    challenge_id = Id(required=True)
    expires_in_s = Int(low=1, high=_SECONDS_MAX, required=True)
    public_key = fields.Nested(RequestOut, required=True)


class PasskeySignInIn(Body):
    """The device as for a code; with a phone, only its owner's passkeys will do."""

    device = Text(high=64, required=True)
    phone = Text(high=20)


class PasskeySessionIn(Body):
    """A passkey's answer; the device that asked for the challenge, and its token."""

    challenge_id = Id(required=True)
    credential = fields.Nested(CredentialIn, required=True)
    device = Text(high=64, required=True)
    device_token = Text(high=100)


def party() -> RelyingParty:
    """Return for whom passkeys are made, by the settings."""
    settings = current_app.config["LINLI"]
    return RelyingParty(settings.passkey_rp_id, settings.passkey_origins)


def answer_of(body: dict[str, Any]) -> Answer:
    """Return a parsed answer."""
    return Answer(body["challenge_id"], _credential(body["credential"], CredentialIn))


def _credential(loaded: dict[str, Any], schema: type[Body]) -> dict[str, Any]:
    """Return a credential under the browser's names again, as the library takes it."""
    written: dict[str, Any] = schema().dump(loaded)
    return written


def _is_required() -> bool:
    required: bool = current_app.config["LINLI"].is_staff_passkey_required
    return required


def _proof(body: dict[str, Any]) -> Proof:
    confirmation = body.get("confirmation")
    return Proof(
        code=body.get("code"),
        name=body.get("legal_name"),
        id_number=body.get("id_number"),
        answer=None if confirmation is None else answer_of(confirmation),
    )


def add_passkeys(door: Door, side: Side) -> None:
    """Add the routes of passkeys to ``door``."""
    _add_own(door)

    @door.post("/passkey-sign-ins", body=PasskeySignInIn, answer=ChallengeOut, status=201)
    @policy("session.begin", Relation.ANYONE)
    def ask_for_sign_in_challenge(body: dict[str, Any]) -> Asked:
        """Ask for a challenge that a passkey answers to sign in; the answer tells nothing of the phone."""
        return ask_to_sign_in(party(), side=side, device=body["device"], phone=body.get("phone"))

    @door.post("/passkey-sessions", body=PasskeySessionIn, answer=BegunOut, status=201)
    @policy("session.begin", Relation.ANYONE)
    def begin_session_by_passkey(body: dict[str, Any]) -> dict[str, Any]:
        """Exchange a passkey's answer for a session; it opens no account."""
        begun = sign_in_by_passkey(
            party(), answer_of(body), side=side, device=body["device"], device_token=body.get("device_token")
        )
        return {**session_of(begun, side), "device_token": begun.device_token}


def _add_own(door: Door) -> None:
    @door.get("/passkeys", query=PageQuery, answer=PasskeysOut)
    @policy("passkey.read", Relation.OWN)
    def list_passkeys(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List one's passkeys."""
        limit = query["limit"]
        rows = manage.passkeys_of(actor, before=read_cursor(query["cursor"]), limit=limit + 1)
        return page(rows, limit=limit, key="passkey_id")

    @door.post("/passkey-registrations", answer=RegistrationOut, status=201)
    @policy("passkey.write", Relation.OWN)
    def ask_for_registration(actor: Actor) -> Asked:
        """Ask for a challenge that a device makes a new passkey by."""
        return ask_to_register(actor, party())

    @door.post("/passkey-confirmations", answer=ChallengeOut, status=201)
    @policy("passkey.write", Relation.OWN)
    def ask_for_confirmation(actor: Actor) -> Asked:
        """Ask for a challenge that one of one's passkeys answers, to add or remove another."""
        return ask_to_confirm(actor, party())

    @door.post("/passkeys", body=PasskeyIn, answer=PasskeyOut, status=201)
    @policy("passkey.write", Relation.OWN)
    def create_passkey(actor: Actor, *, body: dict[str, Any]) -> Passkey:
        """Add a passkey; by the phone alone, it pays after a day."""
        return manage.add_passkey(
            actor,
            party(),
            challenge_id=body["challenge_id"],
            credential=_credential(body["credential"], NewCredentialIn),
            name=body["name"],
            proof=_proof(body),
            is_required=_is_required(),
        )

    @door.put("/passkeys/<uuid:passkey_id>", body=PasskeyNameIn, answer=PasskeyOut)
    @policy("passkey.write", Relation.OWN)
    def rename_passkey(actor: Actor, *, passkey_id: UUID, body: dict[str, Any]) -> Passkey:
        """Give a passkey another name."""
        return manage.rename_passkey(actor, passkey_id=passkey_id, name=body["name"])

    @door.post("/passkeys/<uuid:passkey_id>/removal", body=PasskeyRemovalIn)
    @policy("passkey.write", Relation.OWN)
    def remove_passkey(actor: Actor, *, passkey_id: UUID, body: dict[str, Any]) -> None:
        """Remove a passkey."""
        manage.remove_passkey(actor, party(), passkey_id=passkey_id, proof=_proof(body), is_required=_is_required())
