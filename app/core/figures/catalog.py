"""The figures of a store's day: their names, once. Orders count for the day they were placed on."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    :param title_zh: what people call it. :param is_sum: whether days add up; else what is active is counted by day.
    """

    name: str
    title_zh: str
    meaning: str
    is_sum: bool = True


FIGURES = (
    Figure("residents_new", "新增居民", "residents attributed to the store whose account began on the day"),
    Figure("shops_new", "新增商户", "shops attributed to it that began on the day"),
    Figure("couriers_new", "新增管家", "couriers attributed to it whose account began on the day"),
    Figure("helped_new", "其中协助注册", "of these three, who named the store's help code"),
    Figure("shops_active", "活跃商户", "shops with an order that was paid", is_sum=False),
    Figure("couriers_active", "活跃管家", "couriers who carried one of the orders", is_sum=False),
    Figure("residents_active", "下单居民", "residents with an order that was paid", is_sum=False),
    Figure("orders_paid", "订单数", "orders of the catchment that were paid"),
    Figure("orders_paid_fen", "订单金额", "their totals"),
    Figure("orders_refunded_fen", "退款金额", "what was refunded of them so far"),
    Figure("orders_completed", "完成订单", "orders that were completed"),
    Figure("orders_delivered", "送达订单", "orders that a courier delivered, with a promise"),
    Figure("orders_on_time", "准时送达", "of these, delivered by the promised time"),
    Figure("deposits_fen", "电子账户净增", "change of what its residents keep in e-accounts"),
    Figure("fund_fen", "基金净增", "change of the fund shares that its residents hold (派生存款)"),
    Figure("cash_in_fen", "现金存入", "cash put on accounts at its desks"),
    Figure("cash_out_fen", "现金支取", "cash taken out at its desks"),
    Figure("cash_acts", "现金业务笔数", "acts of both kinds"),
    Figure("desk_acts", "柜台业务笔数", "these, bills paid and transfers made at its desks"),
    Figure("errands_fen", "代办金额", "bills paid and money sent at its desks, in cash or from the e-account"),
    Figure("verifications", "面签", "people verified face to face"),
    Figure("parcels_shelved", "上架包裹", "parcels put on its shelf"),
    Figure("activities_held", "社区活动", "community events that began on the day"),
    Figure("activity_guests", "活动到场", "who came to them, by the code at the door"),
    Figure("shop_visits", "商户走访", "visits of its staff to shops, by the checklist"),
    Figure("shop_visits_failed", "走访有问题", "of these, with a point that failed"),
    Figure("sample_scans", "样品扫码", "residents who scanned a sample that it shows"),
    Figure("sample_orders", "体验后下单", "orders of an offer within a week after a scan of its sample there"),
    Figure("sample_orders_fen", "体验后下单金额", "what their lines of that offer cost"),
)
NAMES = tuple(figure.name for figure in FIGURES)


class FigureName(StrEnum):
    """The names, as people choose one; a test compares them."""

    RESIDENTS_NEW = "residents_new"
    SHOPS_NEW = "shops_new"
    COURIERS_NEW = "couriers_new"
    HELPED_NEW = "helped_new"
    SHOPS_ACTIVE = "shops_active"
    COURIERS_ACTIVE = "couriers_active"
    RESIDENTS_ACTIVE = "residents_active"
    ORDERS_PAID = "orders_paid"
    ORDERS_PAID_FEN = "orders_paid_fen"
    ORDERS_REFUNDED_FEN = "orders_refunded_fen"
    ORDERS_COMPLETED = "orders_completed"
    ORDERS_DELIVERED = "orders_delivered"
    ORDERS_ON_TIME = "orders_on_time"
    DEPOSITS_FEN = "deposits_fen"
    FUND_FEN = "fund_fen"
    CASH_IN_FEN = "cash_in_fen"
    CASH_OUT_FEN = "cash_out_fen"
    CASH_ACTS = "cash_acts"
    DESK_ACTS = "desk_acts"
    ERRANDS_FEN = "errands_fen"
    VERIFICATIONS = "verifications"
    PARCELS_SHELVED = "parcels_shelved"
    ACTIVITIES_HELD = "activities_held"
    ACTIVITY_GUESTS = "activity_guests"
    SHOP_VISITS = "shop_visits"
    SHOP_VISITS_FAILED = "shop_visits_failed"
    SAMPLE_SCANS = "sample_scans"
    SAMPLE_ORDERS = "sample_orders"
    SAMPLE_ORDERS_FEN = "sample_orders_fen"
