"""What goes to a passkey and comes back (Web Authentication level 3). Pure.

The library checks; rules of ours are on top: a person verified, no frame of another page, three algorithms, and no
attestation.

Every way in which an answer can be wrong is one refusal: whoever forges learns nothing from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    base64url_to_bytes,
    options_to_json_dict,
    parse_attestation_object,
    parse_client_data_json,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import (
    AttestationFormat,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from app.core.passkeys.rules import LIFETIME

CHALLENGE_BYTES = 32
NAME = "Linli 邻里"
ALGORITHMS = (
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
)
_TIMEOUT_MS = int(LIFETIME.total_seconds() * 1_000)


class Unverified(Exception):
    """The answer does not stand up."""


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """For whom passkeys are made: a domain, and the origins of its pages and apps."""

    rp_id: str
    origins: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A passkey that a device made."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    is_backed_up: bool


def creation_options(
    party: RelyingParty, *, challenge: bytes, user_id: bytes, user_name: str, known: list[bytes]
) -> dict[str, Any]:
    """Return what a page hands to ``navigator.credentials.create``.

    :param user_name: by which the person tells accounts apart on the device.
    :param known: credential ids that the account has; a device that holds one makes no second.
    """
    options = generate_registration_options(
        rp_id=party.rp_id,
        rp_name=NAME,
        user_id=user_id,
        user_name=user_name,
        challenge=challenge,
        timeout=_TIMEOUT_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=one) for one in known],
        supported_pub_key_algs=list(ALGORITHMS),
    )
    return options_to_json_dict(options)


def request_options(party: RelyingParty, *, challenge: bytes) -> dict[str, Any]:
    """Return what a page hands to ``navigator.credentials.get``: it names no passkey, so it tells of nobody's."""
    options = generate_authentication_options(
        rp_id=party.rp_id,
        challenge=challenge,
        timeout=_TIMEOUT_MS,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json_dict(options)


def check_made(party: RelyingParty, *, challenge: bytes, credential: Mapping[str, Any]) -> Made:
    """Return the passkey that a device made for ``challenge``.

    :raises Unverified: it did not, or not for this party, or without verifying a person.
    """
    try:
        _refuse_frame(credential)
        _refuse_attestation(credential)
        made = verify_registration_response(
            credential=dict(credential),
            expected_challenge=challenge,
            expected_rp_id=party.rp_id,
            expected_origin=list(party.origins),
            require_user_verification=True,
            supported_pub_key_algs=list(ALGORITHMS),
        )
    except Exception:  # noqa: BLE001 - whatever a forged answer makes a parser raise, it is a forged answer
        raise Unverified from None
    return Made(
        credential_id=made.credential_id,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        is_backed_up=made.credential_backed_up,
    )


def check_answer(party: RelyingParty, *, challenge: bytes, credential: Mapping[str, Any], public_key: bytes) -> int:
    """Return the counter of an answer to ``challenge`` that ``public_key`` verifies.

    The counter is compared by whoever keeps it, after the signature: what nobody signed proves no copy.

    :raises Unverified: the answer is another's, to another challenge or page, or no person was verified.
    """
    try:
        _refuse_frame(credential)
        answered = verify_authentication_response(
            credential=dict(credential),
            expected_challenge=challenge,
            expected_rp_id=party.rp_id,
            expected_origin=list(party.origins),
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except Exception:  # noqa: BLE001 - whatever a forged answer makes a parser raise, it is a forged answer
        raise Unverified from None
    return answered.new_sign_count


def credential_id_of(credential: Mapping[str, Any]) -> bytes:
    """Return the id of the passkey that is said to have answered.

    :raises Unverified: it is none.
    """
    try:
        return base64url_to_bytes(credential["rawId"])
    except ValueError:
        raise Unverified from None


def is_handle_of(credential: Mapping[str, Any], user_id: bytes) -> bool:
    """Say whether the device names ``user_id`` as whose passkey it is, or nobody."""
    handle = credential["response"].get("userHandle")
    try:
        return handle is None or base64url_to_bytes(handle) == user_id
    except ValueError:
        return False


def _refuse_attestation(credential: Mapping[str, Any]) -> None:
    """Refuse what speaks of the maker of the device: none is asked for, and what is not parsed does no harm."""
    attested = parse_attestation_object(base64url_to_bytes(credential["response"]["attestationObject"]))
    if attested.fmt != AttestationFormat.NONE:
        raise Unverified


def _refuse_frame(credential: Mapping[str, Any]) -> None:
    """Refuse an answer that was given inside a frame of another page."""
    told = parse_client_data_json(base64url_to_bytes(credential["response"]["clientDataJSON"]))
    if told.cross_origin:
        raise Unverified
