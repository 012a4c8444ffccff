"""The permission table (权限表): which part holds which verb, at which side. What is not written here is refused.

A verb is what a route's ``@policy`` names. A new route takes a verb from here or adds a line; a verb that nobody holds
stops the start of the application. ``docs/permissions.md`` is written from this table.
"""

from collections.abc import Mapping
from enum import StrEnum

from app.core.accounts.models import MemberRole, OrganizationKind
from app.kernel.actor import Side


class Part(StrEnum):
    """In what part somebody comes to a side: the roles of memberships, and three that need none."""

    RESIDENT = "resident"
    SUSPENDED = "suspended"
    """A suspended resident or courier: may see what is theirs and finish what is under way."""
    COURIER = "courier"
    OWNER = "owner"
    MANAGER = "manager"
    CLERK = "clerk"
    AGENT = "agent"
    REVIEWER = "reviewer"
    FINANCE = "finance"
    SUPPORT = "support"
    ADMIN = "admin"


Holders = frozenset[Part]

PARTS: Mapping[Side, tuple[Part, ...]] = {
    Side.USER: (Part.RESIDENT, Part.SUSPENDED),
    Side.MERCHANT: (Part.OWNER, Part.MANAGER, Part.CLERK),
    Side.COURIER: (Part.COURIER, Part.SUSPENDED),
    Side.STORE: (Part.MANAGER, Part.CLERK, Part.AGENT),
    Side.PLATFORM: (Part.REVIEWER, Part.FINANCE, Part.SUPPORT, Part.ADMIN),
}
"""Who comes in by which side."""

ORGANIZATION_OF: Mapping[Side, OrganizationKind] = {
    Side.MERCHANT: OrganizationKind.MERCHANT,
    Side.STORE: OrganizationKind.STORE,
    Side.PLATFORM: OrganizationKind.PLATFORM,
}
"""What one is a member of at a side that takes memberships."""

ROLES_OF: Mapping[OrganizationKind, tuple[MemberRole, ...]] = {
    kind: tuple(MemberRole(part.value) for part in PARTS[side]) for side, kind in ORGANIZATION_OF.items()
}
"""The roles that an organization of a kind gives."""


def _of(*parts: Part) -> Holders:
    return frozenset(parts)


_R, _RS = _of(Part.RESIDENT), _of(Part.RESIDENT, Part.SUSPENDED)
_O, _OM, _OMC = _of(Part.OWNER), _of(Part.OWNER, Part.MANAGER), _of(Part.OWNER, Part.MANAGER, Part.CLERK)
_C, _CS = _of(Part.COURIER), _of(Part.COURIER, Part.SUSPENDED)
_M, _MC, _MCA = _of(Part.MANAGER), _of(Part.MANAGER, Part.CLERK), _of(Part.MANAGER, Part.CLERK, Part.AGENT)
_A, _FA, _FSA = _of(Part.ADMIN), _of(Part.FINANCE, Part.ADMIN), _of(Part.FINANCE, Part.SUPPORT, Part.ADMIN)
_SA = _of(Part.SUPPORT, Part.ADMIN)
_ALL = _of(*PARTS[Side.PLATFORM])

PERMISSIONS: Mapping[Side, Mapping[str, Holders]] = {
    Side.USER: {
        "message.read": _RS,
        "message.write": _R,
        "session.read": _RS,
        "session.end": _RS,
        "code.ask": _RS,
        "password.read": _RS,
        "password.write": _RS,
        "passkey.read": _RS,
        "passkey.write": _RS,
        "notice.read": _RS,
        "live.listen": _RS,
        "community.read": _RS,
        "shop.read": _RS,
        "offer.read": _RS,
        "shop.begin": _R,
        "address.read": _RS,
        "address.write": _R,
        "cart.read": _RS,
        "cart.write": _RS,
        "cart.reorder": _RS,
        "shared_cart.read": _RS,
        "shared_cart.write": _R,
        "checkout.quote": _RS,
        "checkout.place": _R,
        "checkout.read": _RS,
        "checkout.cancel": _RS,
        "checkout.pay": _R,
        "pin.read": _RS,
        "pin.write": _R,
        "step_up.grant": _R,
        "payment.read": _RS,
        "order.read": _RS,
        "order.cancel": _RS,
        "order.confirm": _RS,
        "case.read": _RS,
        "case.apply": _RS,
        "voucher.read": _RS,
        "voucher.buy": _R,
        "voucher.refund": _RS,
        "appointment.read": _RS,
        "appointment.book": _R,
        "courier.tip": _R,
        "courier.rate": _R,
        "review.read": _RS,
        "review.write": _R,
        "counter.pay": _R,
        "counter.read": _RS,
        "coupon.read": _RS,
        "coupon.claim": _R,
        "transfer.read": _RS,
        "transfer.make": _R,
        "account.read": _RS,
        "account.top_up": _R,
        "invitation.read": _RS,
        "invitation.answer": _R,
        "verification.read": _RS,
        "verification.write": _R,
        "application.read": _RS,
        "application.write": _R,
        "privacy.erase": _R,
        "privacy.export": _RS,
        "consent.read": _RS,
        "consent.write": _RS,
        "search.read": _RS,
        "search.write": _RS,
        "wealth.read": _RS,
        "wealth.assess": _R,
        "wealth.buy": _R,
        "wealth.redeem": _R,
        "help.name": _R,
        "desk.show_code": _R,
        "desk.read": _RS,
        "ticket.read": _RS,
        "ticket.take": _R,
        "ticket.leave": _RS,
        "bill.read": _RS,
        "bill.bind": _R,
        "bill.pay": _R,
        "activity.read": _RS,
        "activity.sign_up": _R,
        "van_visit.read": _RS,
        "sample.scan": _R,
        "activity.leave": _RS,
    },
    Side.MERCHANT: {
        "message.read": _OMC,
        "message.write": _OMC,
        "session.read": _OMC,
        "session.end": _OMC,
        "code.ask": _OMC,
        "password.read": _OMC,
        "password.write": _OMC,
        "passkey.read": _OMC,
        "passkey.write": _OMC,
        "notice.read": _OMC,
        "live.listen": _OMC,
        "shop.read": _OMC,
        "shop.write": _OM,
        "shop.submit": _O,
        "order.read": _OMC,
        "order.accept": _OMC,
        "order.reject": _OMC,
        "order.short": _OMC,
        "order.ready": _OMC,
        "order.cancel": _OM,
        "case.read": _OMC,
        "case.answer": _OM,
        "voucher.redeem": _OMC,
        "provider.write": _OM,
        "offer.read": _OMC,
        "offer.write": _OM,
        "shop_visit.read": _OMC,
        "review.read": _OMC,
        "review.reply": _OM,
        "account.read": _O,
        "statement.read": _O,
        "counter.charge": _OMC,
        "counter.read": _OMC,
        "counter.refund": _OM,
        "desk.read": _OM,
        "desk.accept": _O,
        "deposit.top_up": _O,
        "merchant.depart": _O,
        "bank_account.read": _O,
        "bank_account.write": _O,
        "payout.read": _O,
        "payout.ask": _O,
        "member.read": _OM,
        "member.invite": _O,
        "member.change": _O,
        "member.remove": _O,
        "member.leave": _OMC,
        "paper.read": _OM,
        "paper.hand_in": _O,
        "help.name": _O,
        "listing.read": _OMC,
        "listing.claim": _O,
        "listing.claims": _O,
    },
    Side.COURIER: {
        "message.read": _CS,
        "message.write": _CS,
        "order.read": _CS,
        "session.read": _CS,
        "session.end": _CS,
        "code.ask": _CS,
        "password.read": _CS,
        "password.write": _CS,
        "passkey.read": _CS,
        "passkey.write": _CS,
        "notice.read": _CS,
        "live.listen": _CS,
        "shift.read": _CS,
        "shift.write": _C,
        "shift.end": _CS,
        "trip.read": _CS,
        "trip.hall": _C,
        "trip.claim": _C,
        "trip.give_back": _CS,
        "trip.carry": _CS,
        "trip.offers": _C,
        "trip.decline": _CS,
        "trip.reasons": _CS,
        "position.write": _CS,
        "slot.read": _CS,
        "slot.take": _C,
        "slot.leave": _CS,
        "incident.report": _CS,
        "rating.read": _CS,
        "rating.appeal": _CS,
        "account.read": _CS,
        "statement.read": _CS,
        "bank_account.read": _CS,
        "bank_account.write": _C,
        "payout.read": _CS,
        "payout.ask": _CS,
    },
    Side.STORE: {
        "session.read": _MCA,
        "session.end": _MCA,
        "code.ask": _MCA,
        "password.read": _MCA,
        "password.write": _MCA,
        "passkey.read": _MCA,
        "passkey.write": _MCA,
        "notice.read": _MCA,
        "live.listen": _MCA,
        "community.read": _MCA,
        "order.read": _MC,
        "order.collect": _MC,
        "member.read": _M,
        "member.invite": _M,
        "member.change": _M,
        "member.remove": _M,
        "member.leave": _MCA,
        "verification.confirm": _MC,
        "application.read": _MC,
        "application.decide": _MC,
        "courier.write": _MC,
        "paper.read": _MC,
        "paper.review": _MC,
        "slot.publish": _MC,
        "store.close": _M,
        "figure.read": _MC,
        "help.show": _MC,
        "activity.read": _MC,
        "activity.write": _MC,
        "van_visit.read": _MCA,
        "van_visit.write": _MC,
        "shop_visit.read": _MCA,
        "shop_visit.write": _MC,
        "sample.read": _MCA,
        "sample.write": _MC,
        "activity.check_in": _MC,
        "till.read": _MCA,
        "till.register": _M,
        "till.count": _MCA,
        "till.serve": _MCA,
        "ticket.read": _MCA,
        "ticket.call": _MCA,
        "ticket.hours": _M,
        "cash.send": _MCA,
        "cash.receive": _MCA,
    },
    Side.PLATFORM: {
        "session.read": _ALL,
        "session.end": _ALL,
        "code.ask": _ALL,
        "password.read": _ALL,
        "password.write": _ALL,
        "passkey.read": _ALL,
        "passkey.write": _ALL,
        "notice.read": _ALL,
        "live.listen": _ALL,
        "order.read": _FSA,
        "case.read": _SA,
        "case.rule": _SA,
        "party.read": _ALL,
        "offer.read": _ALL,
        "offer.review": _of(Part.REVIEWER, Part.ADMIN),
        "shop.read": _ALL,
        "shop.review": _of(Part.REVIEWER, Part.ADMIN),
        "books.read": _FA,
        "figure.read": _ALL,
        "target.write": _FA,
        "work.read": _ALL,
        "work.assign": _ALL,
        "feature.read": _ALL,
        "feature.write": _A,
        "community.read": _ALL,
        "community.write": _A,
        "shop_visit.read": _ALL,
        "shop_visit.close": _of(Part.REVIEWER, Part.ADMIN),
        "announcement.read": _ALL,
        "announcement.write": _SA,
        "export.ask": _FA,
        "party.search": _SA,
        "board.read": _ALL,
        "till.read": _FA,
        "cash.send": _FA,
        "cash.receive": _FA,
        "books.prove": _FA,
        "statement.read": _FA,
        "settlement.read": _FA,
        "settlement.write": _FA,
        "settlement.block": _FSA,
        "refund.decide": _FA,
        "payout.read": _FA,
        "payout.request": _FA,
        "payout.decide": _FA,
        "reconciliation.read": _FA,
        "reconciliation.write": _FA,
        "reconciliation.decide": _FA,
        "campaign.read": _FSA,
        "campaign.write": _FA,
        "campaign.stop": _FSA,
        "campaign.decide": _FA,
        "desk.read": _FSA,
        "desk.request": _FA,
        "desk.decide": _FA,
        "term.read": _FSA,
        "term.request": _FA,
        "term.decide": _FA,
        "health.read": _FSA,
        "paper.read": _ALL,
        "paper.review": _of(Part.REVIEWER, Part.ADMIN),
        "dispatch.read": _SA,
        "dispatch.write": _SA,
        "incident.read": _SA,
        "incident.write": _SA,
        "rating.read": _SA,
        "rating.decide": _SA,
        "review.read": _SA | _of(Part.REVIEWER),
        "review.fold": _SA | _of(Part.REVIEWER),
        "review.decide": _SA,
        "search.explain": _SA,
        "listing.claims": _ALL,
        "listing.decide": _of(Part.REVIEWER, Part.ADMIN),
        "advertisement.write": _FSA,
        "approval.read": _FA | _of(Part.REVIEWER),
        "approval.decide": _FA,
        "correction.request": _FSA,
        "correction.decide": _FA,
        "commission.read": _ALL,
        "commission.request": _FA | _of(Part.REVIEWER),
        "commission.decide": _FA,
        "staff.read": _A,
        "staff.request": _A,
        "staff.decide": _A,
        "audit.read": _A,
        "audit.export": _A,
        "audit.prove": _FA,
        "audit_flag.read": _A,
        "audit_flag.resolve": _A,
    },
}

DECIDES: frozenset[str] = frozenset(
    {
        "correction.decide",
        "commission.decide",
        "staff.decide",
        "payout.decide",
        "reconciliation.decide",
        "term.decide",
        "campaign.decide",
        "desk.decide",
    }
)
"""Verbs that no route names: who may decide about which kind of request, once ``approval.decide`` let them in."""

BROWSING: frozenset[str] = frozenset(
    {"community.read", "shop.read", "offer.read", "cart.read", "cart.write", "checkout.quote"}
)
"""What the resident's door serves on the token alone, for its ten minutes: no money, no order, no personal data. Every
part at that side holds these; what one part lacks is looked up."""


def holders(side: Side, verb: str) -> Holders:
    """Return the parts that hold ``verb`` at ``side``; none when the table does not know it."""
    return PERMISSIONS[side].get(verb, frozenset())


def is_immediate(side: Side, verb: str) -> bool:
    """Whether the session, the account and the role are looked up with every request."""
    return side is not Side.USER or verb not in BROWSING or holders(side, verb) != frozenset(PARTS[side])


def may(side: Side, verb: str, parts: frozenset[Part]) -> bool:
    """Whether one who comes in ``parts`` may do ``verb`` at ``side``."""
    return not holders(side, verb).isdisjoint(parts)
