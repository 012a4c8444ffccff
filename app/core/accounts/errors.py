"""What can be wrong with people, sign-in and addresses."""

from app.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Throttled, Unauthenticated, Unavailable


class PhoneInvalid(Invalid):
    """Not a phone number that can receive a text message in mainland China."""

    code = "phone_invalid"
    title = "The phone number is not valid"


class CodeRefused(Unauthenticated):
    """The code is wrong, used, expired or meant for another device or act; which, is not said."""

    code = "code_refused"
    title = "The code was refused"


class CodeWrong(Invalid):
    """The code that an act of somebody signed in needs is wrong, used, expired or meant for something else."""

    code = "code_wrong"
    title = "The code is wrong"


class PasswordRefused(Unauthenticated):
    """No such phone, no password, or another one; which, is not said."""

    code = "password_refused"
    title = "The password was refused"


class PasswordWeak(Invalid):
    """The password is one of those that are tried first, holds digits of the phone, or has not 8 to 128 characters."""

    code = "password_weak"
    title = "The password is too easy"


class PasswordBusy(Unavailable):
    """Others have their passwords looked at; ask again, or sign in by code."""

    code = "password_busy"
    title = "Busy"


class TooManyCodes(Throttled):
    """A phone gets one code a minute, five an hour, ten a day; codes not used are bounded by address and device, too.

    Parameter ``retry_after_s``.
    """

    code = "too_many_codes"
    title = "Too many codes were asked for"


class SignInPaused(Throttled):
    """Too many sign-ins failed, from this address or everywhere; a device known for the phone still gets in.

    Parameter ``retry_after_s``.
    """

    code = "sign_in_paused"
    title = "Sign-in is paused"


class RefreshRefused(Unauthenticated):
    """The refresh token is unknown, expired or was used before; its session is over."""

    code = "refresh_refused"
    title = "Sign in again"


class SessionEnded(Unauthenticated):
    """The session was ended; a new sign-in is needed."""

    code = "session_ended"
    title = "The session has ended"


class SessionNotFound(NotFound):
    """No such session that goes on, or another's."""

    code = "session_not_found"
    title = "Session not found"


class NoMembership(Forbidden):
    """The person has no part on this side."""

    code = "no_membership"
    title = "You have no part on this side"


class NotPermitted(Forbidden):
    """None of the person's roles holds what this asks for."""

    code = "not_permitted"
    title = "Your role does not allow this"


class AccountSuspended(Forbidden):
    """The account is suspended."""

    code = "account_suspended"
    title = "The account is suspended"


class OrganizationNotFound(NotFound):
    """No such merchant or store, or not one that the person is in charge of."""

    code = "organization_not_found"
    title = "Not found"


class MemberNotFound(NotFound):
    """Nobody of this id works there."""

    code = "member_not_found"
    title = "Member not found"


class InvitationNotFound(NotFound):
    """No such open invitation, or not to the person's phone."""

    code = "invitation_not_found"
    title = "Invitation not found"


class AlreadyMember(Conflict):
    """The person works there already."""

    code = "already_member"
    title = "You are a member already"


class LastInCharge(Conflict):
    """The last owner of a merchant, or manager of a store, hands over before leaving."""

    code = "last_in_charge"
    title = "Nobody would be in charge any more"


class TooManyInvitations(Conflict):
    """An organization has at most this many open invitations; parameter ``invitations_max``."""

    code = "too_many_invitations"
    title = "Too many invitations"


class AddressNotFound(NotFound):
    """No such address, or not one of yours."""

    code = "address_not_found"
    title = "Address not found"


class AddressTooFar(Invalid):
    """The place is too far from its community's center; parameters ``distance_m``, ``distance_m_max``."""

    code = "address_too_far"
    title = "The place is not in this community"


class AddressOutside(Invalid):
    """The place lies further outside of its community's outline than parameter ``outside_m_max``."""

    code = "address_outside"
    title = "The place is outside of the community"


class TooManyAddresses(Conflict):
    """An account keeps at most this many addresses; parameter ``addresses_max``."""

    code = "too_many_addresses"
    title = "Too many addresses"
