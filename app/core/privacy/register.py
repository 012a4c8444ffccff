"""The register of personal data: every table about people, its sealed fields, and its fate when one is erased.

A test holds the register to the database: a table that refers to a person, or has a sealed field or a blind index, and
is not here, fails it. Erasure, export, the rotation of keys and ``docs/privacy.md`` are all made from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Fate(StrEnum):
    """What becomes of a person's rows at erasure."""

    DELETED = "deleted"
    CLEARED = "cleared"
    """The rows stay under the account's id, which no longer leads to anybody; personal columns are emptied."""
    KEPT = "kept"
    """Ids, fen, states and instants only: statutory records (《电子商务法》第三十一条: three years) and the books."""
    NOT_THEIRS = "not_theirs"
    """About a business, or gone by itself within days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One table that holds something about people.

    :param person: SQL condition for a person's rows; ``:account_id`` and, for phones, ``:phone_index`` are given.
    :param clears: column → SQL expression that replaces it, for rows that are cleared.
    :param sealed: sealed column → the context it is sealed in.
    :param indexes: blind index column → (the sealed column it is of, the context of the index).
    :param is_exported: whether the rows are part of the person's own export.
    """

    table: str
    person: str
    fate: Fate
    clears: Mapping[str, str] = field(default_factory=dict)
    sealed: Mapping[str, str] = field(default_factory=dict)
    indexes: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    is_exported: bool = True


_OWN = "account_id = :account_id"
_OF_ORDERS = "order_id IN (SELECT order_id FROM orders WHERE account_id = :account_id)"
_SESSIONS = "session_id IN (SELECT session_id FROM sessions WHERE account_id = :account_id)"
_IDENTITY = {"name_sealed": "identities.name", "number_sealed": "identities.number"}
_NUMBER = {"number_index": ("number_sealed", "identities.number")}

REGISTER = (
    Holding(
        table="passkey_challenges",
        person=f"{_SESSIONS} OR phone_index = :phone_index",
        fate=Fate.DELETED,
        is_exported=False,
    ),
    Holding(table="passkeys", person=_OWN, fate=Fate.DELETED, sealed={"name_sealed": "passkeys.name"}),
    Holding(table="security_notices", person=_OWN, fate=Fate.DELETED),
    Holding(table="step_up_grants", person=_SESSIONS, fate=Fate.DELETED, is_exported=False),
    Holding(table="payment_pins", person=_OWN, fate=Fate.DELETED, is_exported=False),
    Holding(table="refresh_tokens", person=_SESSIONS, fate=Fate.DELETED, is_exported=False),
    Holding(
        table="sessions",
        person=_OWN,
        fate=Fate.CLEARED,
        clears={"device": "''", "ended_at": "coalesce(ended_at, clock_timestamp())"},
    ),
    Holding(table="passwords", person=_OWN, fate=Fate.DELETED, is_exported=False),
    Holding(table="sign_in_codes", person="phone_index = :phone_index", fate=Fate.DELETED, is_exported=False),
    Holding(table="sandbox_messages", person="phone_index = :sandbox_index", fate=Fate.DELETED, is_exported=False),
    Holding(table="cart_lines", person=_OWN, fate=Fate.DELETED),
    Holding(table="shared_cart_lines", person=_OWN, fate=Fate.DELETED),
    Holding(table="shared_cart_members", person=_OWN, fate=Fate.DELETED),
    Holding(table="shared_carts", person="owner_id = :account_id", fate=Fate.KEPT),
    Holding(table="kept_quotes", person=_OWN, fate=Fate.DELETED),
    Holding(table="recent_searches", person=_OWN, fate=Fate.DELETED),
    Holding(table="price_alerts", person=_OWN, fate=Fate.DELETED),
    Holding(table="moved_prices", person=_OWN, fate=Fate.DELETED, is_exported=False),
    Holding(table="price_notices", person=_OWN, fate=Fate.DELETED),
    Holding(table="addresses", person=_OWN, fate=Fate.DELETED, sealed={"door_sealed": "addresses.door"}),
    Holding(table="pay_codes", person=_OWN, fate=Fate.DELETED, is_exported=False),
    Holding(table="counter_payments", person=f"{_OWN} OR clerk_id = :account_id", fate=Fate.KEPT),
    Holding(
        table="counter_refunds",
        person="""by_id = :account_id OR counter_payment_id IN (
            SELECT counter_payment_id FROM counter_payments WHERE account_id = :account_id)""",
        fate=Fate.KEPT,
    ),
    Holding(table="face_codes", person=_OWN, fate=Fate.DELETED, is_exported=False),
    Holding(
        table="face_checks",
        person=_OWN,
        fate=Fate.CLEARED,
        clears={"photo_sealed": "NULL"},
        sealed={"photo_sealed": "face_checks.photo"},
    ),
    Holding(table="identity_tries", person=_OWN, fate=Fate.DELETED, is_exported=False),
    Holding(table="identity_checks", person=_OWN, fate=Fate.DELETED, sealed=_IDENTITY, indexes=_NUMBER),
    Holding(table="identities", person=_OWN, fate=Fate.DELETED, sealed=_IDENTITY, indexes=_NUMBER),
    Holding(table="former_identities", person=_OWN, fate=Fate.KEPT, is_exported=False),
    Holding(table="idempotency_keys", person="principal_id = :account_id", fate=Fate.DELETED, is_exported=False),
    Holding(
        table="order_messages",
        person=f"account_id = :account_id OR {_OF_ORDERS}",
        fate=Fate.DELETED,
        sealed={"text_sealed": "order_messages.text"},
    ),
    Holding(
        table="after_sale_cases",
        person=_OWN,
        fate=Fate.CLEARED,
        clears={"note_sealed": "NULL", "appeal_sealed": "NULL", "evidence": "'[]'", "return_reference": "NULL"},
        sealed={"note_sealed": "after_sale_cases.note", "appeal_sealed": "after_sale_cases.appeal"},
    ),
    Holding(
        table="proof_photos",
        person=_OF_ORDERS,
        fate=Fate.CLEARED,
        clears={"key_sealed": "NULL"},
        sealed={"key_sealed": "proof_photos.key"},
        is_exported=False,  # each is shown at its address, and its key is of no use outside
    ),
    Holding(
        table="after_sale_case_lines",
        person="case_id IN (SELECT case_id FROM after_sale_cases WHERE account_id = :account_id)",
        fate=Fate.KEPT,
    ),
    Holding(table="vouchers", person=_OWN, fate=Fate.KEPT),
    Holding(
        table="voucher_uses",
        person="voucher_id IN (SELECT voucher_id FROM vouchers WHERE account_id = :account_id)",
        fate=Fate.KEPT,
    ),
    Holding(table="appointments", person=_OF_ORDERS, fate=Fate.KEPT),
    Holding(table="extra_charges", person=_OF_ORDERS, fate=Fate.KEPT),
    Holding(table="replacements", person=_OF_ORDERS, fate=Fate.KEPT, is_exported=False),
    Holding(
        table="orders",
        person=_OWN,
        fate=Fate.CLEARED,
        clears={
            "note": "''",
            "invoice_sealed": "NULL",
            "gift_sealed": "NULL",
            "address_sealed": "NULL",
            "address_lat": "NULL",
            "address_lng": "NULL",
            "walk_up_floors": "0",
        },
        sealed={
            "address_sealed": "addresses.door",
            "invoice_sealed": "orders.invoice",
            "gift_sealed": "orders.gift",
        },
    ),
    Holding(table="order_lines", person=_OF_ORDERS, fate=Fate.CLEARED, clears={"note": "''"}),
    Holding(
        table="stops",
        person=f"stop_id IN (SELECT drop_stop_id FROM deliveries WHERE {_OF_ORDERS})",
        fate=Fate.CLEARED,
        clears={"lat": "round(CAST(lat AS numeric), 2)", "lng": "round(CAST(lng AS numeric), 2)"},
        is_exported=False,
    ),
    Holding(
        table="deliveries",
        person=_OF_ORDERS,
        fate=Fate.CLEARED,
        clears=dict.fromkeys(
            ("photo_reference", "pick_up_photo_reference", "failure_photo_reference", "neighbor_sealed", "locker_box"),
            "NULL",
        ),
        sealed={"neighbor_sealed": "deliveries.neighbor"},
    ),
    Holding(table="checkouts", person=_OWN, fate=Fate.KEPT),
    Holding(table="payments", person=_OWN, fate=Fate.KEPT),
    Holding(table="refunds", person=_OWN, fate=Fate.KEPT),
    Holding(
        table="disputes",
        person=_OWN,
        fate=Fate.CLEARED,
        clears={"evidence_sealed": "NULL"},
        sealed={"evidence_sealed": "disputes.evidence"},
        is_exported=False,
    ),
    Holding(table="statements", person="party_kind = 'courier' AND party_id = :account_id", fate=Fate.KEPT),
    Holding(
        table="bank_accounts",
        person="(party_kind = 'courier' AND party_id = :account_id) OR changed_by = :account_id",
        fate=Fate.CLEARED,
        clears={"target_sealed": "NULL", "tail": "''"},
        sealed={"target_sealed": "bank_accounts.target"},
    ),
    Holding(table="payouts", person="party_kind = 'courier' AND party_id = :account_id", fate=Fate.KEPT),
    Holding(
        table="payout_lines",
        person="payout_id IN (SELECT payout_id FROM payouts WHERE party_kind = 'courier' AND party_id = :account_id)",
        fate=Fate.CLEARED,
        clears={"target_sealed": "NULL"},
        sealed={"target_sealed": "bank_accounts.target"},
        is_exported=False,
    ),
    Holding(
        table="settlement_accounts",
        person="party_kind = 'courier' AND party_id = :account_id",
        fate=Fate.KEPT,
        is_exported=False,
    ),
    Holding(table="limit_counters", person=_OWN, fate=Fate.KEPT),
    Holding(table="memberships", person=_OWN, fate=Fate.DELETED),
    Holding(table="couriers", person="courier_id = :account_id", fate=Fate.KEPT),
    Holding(
        table="courier_shifts",
        person="courier_id = :account_id",
        fate=Fate.CLEARED,
        clears={"lat": "round(CAST(lat AS numeric), 2)", "lng": "round(CAST(lng AS numeric), 2)"},
    ),
    Holding(table="training_records", person=_OWN, fate=Fate.KEPT),
    Holding(table="courier_applications", person=_OWN, fate=Fate.CLEARED, clears={"reason": "NULL"}),
    Holding(table="shift_slots", person="courier_id = :account_id", fate=Fate.KEPT),
    Holding(table="trip_releases", person="courier_id = :account_id", fate=Fate.KEPT),
    Holding(table="tips", person=_OWN, fate=Fate.KEPT),
    Holding(
        table="payees",
        person=f"{_OWN} OR phone_index = :phone_index",
        fate=Fate.CLEARED,
        clears={
            "phone_sealed": "NULL",
            "phone_index": "NULL",
            "removed_at": "coalesce(removed_at, business_now())",
        },
        sealed={"phone_sealed": "payees.phone"},
        indexes={"phone_index": ("phone_sealed", "accounts.phone")},
        is_exported=False,  # who has somebody as a payee is not told to them
    ),
    Holding(table="transfers", person=f"{_OWN} OR recipient_id = :account_id", fate=Fate.KEPT),
    Holding(table="coupons", person=_OWN, fate=Fate.KEPT),
    Holding(table="coupon_code_tries", person=_OWN, fate=Fate.DELETED, is_exported=False),
    Holding(table="transfer_days", person=_OWN, fate=Fate.DELETED, is_exported=False),
    Holding(table="late_compensations", person=_OWN, fate=Fate.KEPT),
    Holding(
        table="reviewed_offers",
        person="review_id IN (SELECT review_id FROM reviews WHERE account_id = :account_id)",
        fate=Fate.KEPT,
    ),
    Holding(table="review_pictures", person=_OF_ORDERS, fate=Fate.DELETED),
    Holding(
        table="reviews",
        person=_OWN,
        fate=Fate.CLEARED,
        clears={"words": "''", "pictures": "'[]'", "added_words": "NULL", "added_pictures": "'[]'", "appeal": "NULL"},
    ),
    Holding(
        table="courier_ratings",
        person="courier_id = :account_id",
        fate=Fate.CLEARED,
        clears={"appeal": "NULL", "decision": "NULL"},
        is_exported=False,
    ),
    Holding(
        table="incidents",
        person="courier_id = :account_id",
        fate=Fate.CLEARED,
        clears={"note_sealed": "NULL", "lat": "NULL", "lng": "NULL", "outcome": "NULL"},
        sealed={"note_sealed": "incidents.note"},
    ),
    Holding(table="courier_positions", person="courier_id = :account_id", fate=Fate.DELETED),
    Holding(table="courier_trail", person="courier_id = :account_id", fate=Fate.DELETED),
    Holding(table="trip_offers", person="courier_id = :account_id", fate=Fate.KEPT),
    Holding(table="courier_tariffs", person="set_by_id = :account_id", fate=Fate.KEPT, is_exported=False),
    Holding(table="delivery_surcharges", person="set_by_id = :account_id", fate=Fate.KEPT, is_exported=False),
    Holding(table="advertisements", person="set_by_id = :account_id", fate=Fate.KEPT, is_exported=False),
    Holding(table="dispatch_modes", person="set_by_id = :account_id", fate=Fate.KEPT, is_exported=False),
    Holding(table="trips", person="courier_id = :account_id", fate=Fate.KEPT),
    Holding(
        table="data_exports",
        person=_OWN,
        fate=Fate.DELETED,
        sealed={"file_sealed": "data_exports.file"},
        is_exported=False,
    ),
    Holding(table="consents", person=_OWN, fate=Fate.KEPT),
    Holding(table="risk_assessments", person=_OWN, fate=Fate.CLEARED, clears={"answers": "NULL"}),
    Holding(table="risk_acceptances", person=_OWN, fate=Fate.KEPT),
    Holding(table="document_consents", person=_OWN, fate=Fate.KEPT),
    Holding(table="term_waiters", person=_OWN, fate=Fate.DELETED),
    Holding(table="term_positions", person=_OWN, fate=Fate.KEPT),
    Holding(table="term_subscriptions", person=_OWN, fate=Fate.KEPT),
    Holding(table="sweep_rules", person=_OWN, fate=Fate.DELETED),
    Holding(table="savings_plans", person=_OWN, fate=Fate.DELETED),
    Holding(table="fund_orders", person=_OWN, fate=Fate.KEPT),
    Holding(table="fund_holdings", person=_OWN, fate=Fate.KEPT),
    Holding(table="fund_incomes", person=_OWN, fate=Fate.KEPT),
    Holding(table="bill_notices", person=_OWN, fate=Fate.DELETED),
    Holding(table="bill_quotes", person=_OWN, fate=Fate.DELETED, is_exported=False),
    Holding(
        table="utility_accounts",
        person=f"""utility_account_id IN (SELECT utility_account_id FROM bill_bindings WHERE {_OWN}
                UNION SELECT utility_account_id FROM bill_payments WHERE {_OWN} AND source IN ('desk', 'desk_cash'))
            AND NOT EXISTS (SELECT 1 FROM bill_bindings AS others WHERE others.removed_at IS NULL
                AND others.utility_account_id = utility_accounts.utility_account_id
                AND others.account_id <> :account_id)""",
        fate=Fate.CLEARED,
        clears={
            "number_sealed": "NULL",
            "number_index": "uuid_send(gen_random_uuid())",
            "tail": "''",
            "balance_fen": "NULL",
        },
        sealed={"number_sealed": "utility_accounts.number"},
        indexes={"number_index": ("number_sealed", "utility_accounts.number")},
    ),
    Holding(
        table="bills",
        person=f"bill_id IN (SELECT bill_id FROM bill_payments WHERE {_OWN})",
        fate=Fate.KEPT,
    ),
    Holding(table="bill_payments", person=_OWN, fate=Fate.KEPT),
    Holding(
        table="bill_bindings", person=_OWN, fate=Fate.DELETED, sealed={"nickname_sealed": "bill_bindings.nickname"}
    ),
    Holding(table="bill_differences", person="resolved_by_id = :account_id", fate=Fate.KEPT, is_exported=False),
    Holding(table="erasures", person=_OWN, fate=Fate.KEPT),
    Holding(table="invitations", person="phone_index = :phone_index", fate=Fate.DELETED, is_exported=False),
    Holding(table="recon_notes", person=_OWN, fate=Fate.KEPT, is_exported=False),
    Holding(table="approvals", person="requested_by = :account_id OR decided_by = :account_id", fate=Fate.KEPT),
    Holding(
        table="listing_claims", person="claimed_by_id = :account_id OR decided_by_id = :account_id", fate=Fate.KEPT
    ),
    Holding(
        table="parcels",
        person=f"{_OF_ORDERS} OR shelved_by_id = :account_id OR ended_by_id = :account_id",
        fate=Fate.KEPT,
    ),
    Holding(table="activities", person="published_by_id = :account_id", fate=Fate.KEPT, is_exported=False),
    Holding(table="activity_signups", person=f"{_OWN} OR checked_in_by_id = :account_id", fate=Fate.KEPT),
    Holding(table="store_closures", person="set_by_id = :account_id", fate=Fate.KEPT, is_exported=False),
    Holding(table="attributions", person="party_kind <> 'shop' AND party_id = :account_id", fate=Fate.KEPT),
    Holding(table="help_codes", person="clerk_id = :account_id", fate=Fate.DELETED, is_exported=False),
    Holding(table="store_targets", person="set_by_id = :account_id", fate=Fate.KEPT, is_exported=False),
    Holding(
        table="work_items",
        person="assigned_to_id = :account_id OR assigned_by_id = :account_id",
        fate=Fate.KEPT,
        is_exported=False,
    ),
    Holding(
        table="audit_flags",
        person="account_id = :account_id OR resolved_by_id = :account_id",
        fate=Fate.KEPT,
        is_exported=False,
    ),
    Holding(table="feature_changes", person="set_by_id = :account_id", fate=Fate.KEPT, is_exported=False),
    Holding(
        table="shop_visits",
        person="clerk_id = :account_id OR closed_by_id = :account_id",
        fate=Fate.KEPT,
        is_exported=False,
    ),
    Holding(table="samples", person="shown_by_id = :account_id", fate=Fate.KEPT, is_exported=False),
    Holding(table="sample_scans", person=_OWN, fate=Fate.KEPT),
    Holding(table="van_visits", person="planned_by_id = :account_id", fate=Fate.KEPT, is_exported=False),
    Holding(table="community_changes", person="set_by_id = :account_id", fate=Fate.KEPT, is_exported=False),
    Holding(table="announcements", person="set_by_id = :account_id", fate=Fate.KEPT, is_exported=False),
    Holding(table="table_exports", person=_OWN, fate=Fate.DELETED, is_exported=False),
    Holding(table="resident_weeks", person=_OWN, fate=Fate.KEPT),
    Holding(table="desk_codes", person=_OWN, fate=Fate.DELETED, is_exported=False),
    Holding(table="desk_visits", person=_OWN, fate=Fate.DELETED, is_exported=False),
    Holding(table="desk_tickets", person=f"{_OWN} OR clerk_id = :account_id", fate=Fate.KEPT),
    Holding(table="till_acts", person=_OWN, fate=Fate.KEPT),
    Holding(table="till_shifts", person="clerk_id = :account_id", fate=Fate.KEPT, is_exported=False),
    Holding(table="tills", person="in_charge_id = :account_id", fate=Fate.KEPT, is_exported=False),
    Holding(
        table="cash_transfers",
        person="sent_by_id = :account_id OR received_by_id = :account_id",
        fate=Fate.KEPT,
        is_exported=False,
    ),
    Holding(table="shelf_imports", person=_OWN, fate=Fate.KEPT, is_exported=False),
    Holding(table="papers", person="submitted_by_id = :account_id OR decided_by_id = :account_id", fate=Fate.KEPT),
    Holding(
        table="accounts",
        person=_OWN,
        fate=Fate.CLEARED,
        clears={
            "phone_sealed": "''",
            "phone_index": "uuid_send(gen_random_uuid())",
            "name_sealed": "NULL",
            "state": "'erased'",
            "verification_level": "0",
        },
        sealed={"phone_sealed": "accounts.phone", "name_sealed": "accounts.name"},
        indexes={"phone_index": ("phone_sealed", "accounts.phone")},
    ),
    Holding(
        table="shops", person="false", fate=Fate.NOT_THEIRS, sealed={"phone_sealed": "shops.phone"}, is_exported=False
    ),
)
"""In the order in which a person is erased: what refers before what is referred to."""
