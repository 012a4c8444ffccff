"""All mapped classes, imported once, so that ``Base.metadata`` is whole. For migrations and start-up."""

from app.core.accounts import models as accounts
from app.core.activities import models as activities
from app.core.aftersale import models as aftersale
from app.core.appointments import models as appointments
from app.core.approvals import models as approvals
from app.core.bills import models as bills
from app.core.bills import records as bill_records
from app.core.catalog import alert_models as catalog_alerts
from app.core.catalog import commission
from app.core.catalog import imports as catalog_imports
from app.core.catalog import models as catalog
from app.core.catalog import records as catalog_records
from app.core.catalog import slot_models as catalog_slots
from app.core.communities import models as communities
from app.core.counter import models as counter
from app.core.delivery import models as delivery
from app.core.delivery import records as delivery_records
from app.core.directory import models as directory
from app.core.figures import models as figures
from app.core.notices import models as notices
from app.core.operating import models as operating
from app.core.orders import late as orders_late
from app.core.orders import models as orders
from app.core.papers import models as papers
from app.core.passkeys import models as passkeys
from app.core.payments import disputes, reconciliation
from app.core.payments import models as payments
from app.core.privacy import models as privacy
from app.core.promotions import models as promotions
from app.core.proof import models as proof
from app.core.queueing import models as queueing
from app.core.reviews import models as reviews
from app.core.search import models as search
from app.core.settlement import models as settlement
from app.core.settlement import payouts
from app.core.sharing import models as sharing
from app.core.shelf import models as shelf
from app.core.stepup import models as stepup
from app.core.tills import models as tills
from app.core.tills import shop_desks
from app.core.transfers import models as transfers
from app.core.verification import models as verification
from app.core.visiting import models as visiting
from app.core.vouchers import models as vouchers
from app.core.wealth import models as wealth
from app.core.wealth import standing as wealth_standing
from app.core.wealth import term_models as wealth_terms
from app.kernel import outbox, rows, timers

__all__ = [
    "accounts",
    "activities",
    "aftersale",
    "appointments",
    "approvals",
    "bill_records",
    "bills",
    "catalog",
    "catalog_alerts",
    "catalog_imports",
    "catalog_records",
    "catalog_slots",
    "commission",
    "communities",
    "counter",
    "delivery",
    "delivery_records",
    "directory",
    "disputes",
    "figures",
    "notices",
    "operating",
    "orders",
    "orders_late",
    "outbox",
    "papers",
    "passkeys",
    "payments",
    "payouts",
    "privacy",
    "promotions",
    "proof",
    "queueing",
    "reconciliation",
    "reviews",
    "rows",
    "search",
    "settlement",
    "sharing",
    "shelf",
    "shop_desks",
    "stepup",
    "tills",
    "timers",
    "transfers",
    "verification",
    "visiting",
    "vouchers",
    "wealth",
    "wealth_standing",
    "wealth_terms",
]
