"""Who helped: a clerk shows a code, and the resident or the shop's owner names it within seven days of their beginning.

The named store takes the place of the community's: the days that counted for it are made anew.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from app.core.catalog.errors import ShopNotFound
from app.core.communities.errors import StoreNotFound
from app.core.figures.errors import HelpCodeRefused, HelpTooLate
from app.core.figures.models import Attributed
from app.core.operating.errors import FeatureOff
from app.core.operating.switches import Feature, is_on
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction

CODE_LIFETIME = timedelta(days=1)
NAMED_WITHIN = timedelta(days=7)

_SHOW = text(
    f"""
    INSERT INTO help_codes (digest, store_id, clerk_id, expires_at)
    SELECT :digest, m.organization_id, m.account_id, clock_timestamp() + CAST(:lifetime AS interval)
    FROM memberships AS m WHERE m.organization_kind = 'store' AND m.account_id = :account_id
      AND m.role = ANY (CAST(:roles AS text[])) AND m.organization_id = :store_id
    RETURNING store_id, {is_on(Feature.HELP_CODES)} AS is_on
    """
)
_DAY = "CAST(created_at AT TIME ZONE 'Asia/Shanghai' AS date) AS began_on, clock_timestamp() - created_at AS age"
_OWN = opening(
    f"""
    SELECT account_id AS party_id, {_DAY},
        EXISTS (SELECT 1 FROM attributions AS t WHERE t.party_kind = 'resident' AND t.party_id = accounts.account_id
            AND t.rule = 'help') AS is_named
    FROM accounts WHERE account_id = :account_id FOR NO KEY UPDATE
    """
)
_SHOP = opening(
    f"""
    SELECT s.shop_id AS party_id, {_DAY.replace("created_at", "s.created_at")},
        EXISTS (SELECT 1 FROM attributions AS t WHERE t.party_kind = 'shop' AND t.party_id = s.shop_id
            AND t.rule = 'help') AS is_named
    FROM shops AS s JOIN memberships AS m ON m.organization_id = s.merchant_id AND m.organization_kind = 'merchant'
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
    WHERE s.shop_id = :shop_id FOR NO KEY UPDATE OF s
    """
)
_USE = text(
    """
    UPDATE help_codes SET used_at = clock_timestamp()
    WHERE digest = :digest AND used_at IS NULL AND expires_at > clock_timestamp() AND clerk_id <> :account_id
    RETURNING store_id
    """
)
_ATTRIBUTE = closing(
    """
    attributed AS (
        INSERT INTO attributions (party_kind, party_id, store_id, rule, began_on)
        VALUES (:party_kind, :party_id, :store_id, 'help', :began_on)
        ON CONFLICT (party_kind, party_id) DO UPDATE SET store_id = excluded.store_id, rule = excluded.rule
    ),
    dirty AS (
        INSERT INTO figure_dirt (day)
        SELECT CAST(d AS date) FROM generate_series(CAST(:began_on AS timestamp),
            CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date), interval '1 day') AS d
        ON CONFLICT DO NOTHING
    )"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpCode:
    """What a clerk shows; once."""

    code: str
    expires_in_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpNamed:
    """To which store one belongs now."""

    party_id: UUID
    store_id: UUID


def show_help_code(actor: Actor, *, store_id: UUID) -> HelpCode:
    """Make a code for somebody whom the clerk helped.

    :raises StoreNotFound: the store is none of the clerk's. :raises FeatureOff: help is switched off.
    """
    code = secrets.token_urlsafe(16)
    digest = hashlib.sha256(code.encode()).digest()
    with transaction() as tx:
        shown = tx.execute(
            _SHOW, {**actor.as_member, "store_id": store_id, "digest": digest, "lifetime": CODE_LIFETIME}
        )
        row = shown.first()
        if row is None:
            raise StoreNotFound
        if not row.is_on:
            raise FeatureOff(feature=Feature.HELP_CODES.value)
    return HelpCode(code=code, expires_in_s=int(CODE_LIFETIME.total_seconds()))


def name_helper(actor: Actor, claim: Claim, *, code: str, shop_id: UUID | None = None) -> HelpNamed:
    """Say, as a resident, or as the owner of ``shop_id``, that a store helped.

    :raises ShopNotFound: none of the actor's. :raises HelpTooLate: it began long ago, or somebody was named.
    :raises HelpCodeRefused: no store shows the code now, or it is the actor's own.
    """
    with transaction(claim) as tx:
        if shop_id is None:
            row = tx.open_one(_OWN, {"account_id": actor.account_id})
            assert row is not None, "who has a token has an account"
        else:
            row = tx.open_one(_SHOP, {**actor.as_member, "shop_id": shop_id})
            if row is None:
                raise ShopNotFound
        if row.is_named or row.age > NAMED_WITHIN:
            raise HelpTooLate(days_max=NAMED_WITHIN.days)
        named = HelpNamed(party_id=row.party_id, store_id=_use(tx, actor, code))
        tx.keep(named)
        kind = Attributed.RESIDENT if shop_id is None else Attributed.SHOP
        params = {"party_kind": kind.value, "party_id": row.party_id, "store_id": named.store_id}
        tx.close(_ATTRIBUTE, {**params, "began_on": row.began_on})
    return named


def _use(tx: Transaction, actor: Actor, code: str) -> UUID:
    digest = hashlib.sha256(code.encode()).digest()
    store_id: UUID | None = tx.execute(_USE, {"digest": digest, "account_id": actor.account_id}).scalar()
    if store_id is None:
        raise HelpCodeRefused(pointer="/code")
    return store_id
