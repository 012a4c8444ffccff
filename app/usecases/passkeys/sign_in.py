"""Sign-in with a passkey (通行密钥登录): whoever it belongs to, or the owner of a phone that was named."""

from dataclasses import replace

from app.core.accounts.models import SignInFactor
from app.core.passkeys.ceremony import RelyingParty
from app.core.passkeys.errors import PasskeyRefused
from app.core.passkeys.models import ChallengePurpose
from app.kernel.actor import Side
from app.kernel.transaction import transaction
from app.usecases.passkeys.answers import Answer, find, use
from app.usecases.passkeys.challenges import Bound, take
from app.usecases.people.devices import device_token as token_of
from app.usecases.people.devices import is_proven
from app.usecases.people.sign_in import SignedIn, begin_session


def sign_in_by_passkey(
    party: RelyingParty, answer: Answer, *, side: Side, device: str, device_token: str | None
) -> SignedIn:
    """Exchange a passkey's answer for a session at ``side``. It opens no account.

    Nothing is charged to any counter: there is nothing to guess.

    :param device: as it was named when the challenge was asked for.
    :raises PasskeyRefused: the answer does not stand up, for whatever reason; its challenge is used up.
    :raises NoMembership: the person has no part on this side. :raises AccountSuspended: or none at all any more.
    """
    taken = take(answer.challenge_id, Bound(purpose=ChallengePurpose.SIGN_IN, side=side, device=device))
    found = None if taken is None else find(party, taken, answer.credential)
    if found is None:
        raise PasskeyRefused
    index = bytes(found.row.phone_index)
    with transaction() as tx:
        if use(tx, found):
            proven = is_proven(index, device, device_token)
            begun = begin_session(
                tx, found.row, side=side, device=device, is_proven=proven, factor=SignInFactor.PASSKEY
            )
            return replace(begun, device_token=token_of(index, device))
    raise PasskeyRefused
