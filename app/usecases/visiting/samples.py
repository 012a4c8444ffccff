"""A store shows an offer's sample; who tries it scans its code and buys from the shop that sells it."""

import hmac
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from app.core.communities.errors import StoreNotFound
from app.core.visiting.errors import OfferNotForSample, SampleNotFound, SampleShown
from app.core.visiting.rules import CODE_CHARS
from app.core.visiting.states import SAMPLE_TRANSITIONS, SampleAction, SampleState
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.sealing import keyed_digest
from app.kernel.transaction import Claim, closing, opening, transaction

CODE_CONTEXT = "samples.code"
_ID_CHARS = 32
_MEMBER = "m.organization_kind = 'store' AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))"
_STORE = opening(
    f"""
    SELECT m.organization_id AS store_id, EXISTS (SELECT 1 FROM offers AS f JOIN shops AS s ON s.shop_id = f.shop_id
            WHERE f.offer_id = :offer_id AND f.state = 'on_sale' AND s.state IN ('open', 'resting')) AS is_on_sale
    FROM memberships AS m WHERE m.organization_id = :store_id AND {_MEMBER} FOR SHARE OF m
    """
)
_SHOW = closing(
    """
    shown AS (
        INSERT INTO samples (sample_id, store_id, offer_id, state, shown_by_id, shown_at)
        VALUES (:sample_id, :store_id, :offer_id, :state, :account_id, business_now())
    )"""
)
_LOCK = opening(
    f"""
    SELECT p.sample_id, p.store_id, p.offer_id, p.state FROM samples AS p
    JOIN memberships AS m ON m.organization_id = p.store_id AND {_MEMBER}
    WHERE p.sample_id = :sample_id FOR UPDATE OF p
    """
)
_WITHDRAW = closing(
    "gone AS (UPDATE samples SET state = :state, withdrawn_at = business_now() WHERE sample_id = :sample_id)"
)
_SCANNED = opening(
    """
    SELECT p.sample_id, p.store_id, p.offer_id, f.shop_id
    FROM samples AS p JOIN offers AS f ON f.offer_id = p.offer_id
    WHERE p.sample_id = :sample_id AND p.state = 'shown' AND f.state = 'on_sale' FOR SHARE OF p
    """
)
_NOTE_SCAN = closing(
    """
    noted AS (
        INSERT INTO sample_scans (sample_id, account_id, day, scanned_at)
        VALUES (:sample_id, :account_id, CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date), business_now())
        ON CONFLICT DO NOTHING
    )"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleStands:
    """Where a sample stands."""

    sample_id: UUID
    store_id: UUID
    offer_id: UUID
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleScanned:
    """What the code leads to: the offer, and the shop that sells it."""

    sample_id: UUID
    store_id: UUID
    offer_id: UUID
    shop_id: UUID


def code_of(sample_id: UUID) -> str:
    """Return what stands beside the sample as a QR code: derived, never stored."""
    return sample_id.hex + keyed_digest(str(sample_id), context=CODE_CONTEXT).hex()[: CODE_CHARS - _ID_CHARS]


def show_sample(actor: Actor, claim: Claim, *, store_id: UUID, offer_id: UUID) -> SampleStands:
    """Show a sample of an offer in one's store.

    :raises StoreNotFound: none of the actor's. :raises OfferNotForSample: it is not on sale.
    :raises SampleShown: the store shows it.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_STORE, {**actor.as_member, "store_id": store_id, "offer_id": offer_id})
        if row is None:
            raise StoreNotFound(pointer="/store_id")
        if not row.is_on_sale:
            raise OfferNotForSample(pointer="/offer_id")
        state = SampleState.SHOWN.value
        stands = SampleStands(sample_id=new_id(), store_id=store_id, offer_id=offer_id, state=state)
        tx.keep(stands)
        params = {"sample_id": stands.sample_id, "store_id": store_id, "offer_id": offer_id, "state": state}
        try:
            tx.close(_SHOW, {**params, "account_id": actor.account_id})
        except IntegrityError:
            raise SampleShown(pointer="/offer_id") from None
    return stands


def withdraw_sample(actor: Actor, claim: Claim, *, sample_id: UUID) -> SampleStands:
    """Take a sample away; its code leads nowhere any more.

    :raises SampleNotFound: none of the actor's store. :raises IllegalTransition: it was withdrawn.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK, {**actor.as_member, "sample_id": sample_id})
        if row is None:
            raise SampleNotFound
        state = next_state(SAMPLE_TRANSITIONS, SampleState(row.state), SampleAction.WITHDRAW, actor.role)
        stands = SampleStands(sample_id=sample_id, store_id=row.store_id, offer_id=row.offer_id, state=state.value)
        tx.keep(stands)
        tx.close(_WITHDRAW, {"sample_id": sample_id, "state": state.value})
    return stands


def scan_sample(actor: Actor, claim: Claim, *, code: str) -> SampleScanned:
    """Follow a sample's code to the offer; what the resident buys of it within days counts for the store.

    :raises SampleNotFound: no sample that is shown, of an offer on sale, has this code.
    """
    sample_id = UUID(hex=code[:_ID_CHARS])
    is_true = hmac.compare_digest(code_of(sample_id), code)
    with transaction(claim) as tx:
        row = tx.open_one(_SCANNED, {"sample_id": sample_id})
        if row is None or not is_true:
            raise SampleNotFound(pointer="/code")
        scanned = SampleScanned(sample_id=sample_id, store_id=row.store_id, offer_id=row.offer_id, shop_id=row.shop_id)
        tx.keep(scanned)
        tx.close(_NOTE_SCAN, {"sample_id": sample_id, "account_id": actor.account_id})
    return scanned
