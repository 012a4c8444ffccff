"""The trades of the demo's shops: how many stand around a store, what they are called and on which terms they sell."""

from dataclasses import dataclass
from random import Random

from app.cli.demo.shapes import Hours, Tiers
from app.core.catalog.models import Vertical

RADII_M = (1500, 2000, 2500, 3000, 3500, 4000)


def every_day(*spans: tuple[str, str]) -> Hours:
    """Return opening hours that are the same on all seven days."""
    return {str(day): [list(span) for span in spans] for day in range(1, 8)}


def _weekend(weekday: tuple[str, str], weekend: tuple[str, str]) -> Hours:
    return {str(day): [list(weekend if day in {6, 7} else weekday)] for day in range(1, 8)}


ALL_DAY = every_day(("00:00", "24:00"))
LONG_DAY = every_day(("07:00", "23:00"))
DAY = every_day(("08:00", "22:00"))
MARKET_DAY = every_day(("06:30", "21:00"))
OFFICE_DAY = every_day(("08:30", "18:30"))
LEISURE_DAY = _weekend(("11:00", "22:30"), ("09:30", "23:00"))
MEALS = every_day(("10:30", "14:00"), ("16:30", "21:00"))
MORNING = every_day(("05:30", "10:30"))
MORNING_AND_NOON = every_day(("05:30", "13:30"))
EVENING = every_day(("00:00", "02:00"), ("17:00", "24:00"))


@dataclass(frozen=True, slots=True)
class Trade:
    """One trade. Of each pool a shop gets one value; amounts in fen.

    :param count: shops of this trade around one store.
    :param is_delivering: False where a person comes to the resident or the resident goes there: no delivery fee.
    """

    key: str
    vertical: Vertical
    count: int
    endings: tuple[str, ...]
    hours: tuple[Hours, ...]
    commission_bp: int
    minimums_fen: tuple[int, ...]
    packings_fen: tuple[int, ...] = (0,)
    preparations_minutes: tuple[int, ...] = (5,)
    is_delivering: bool = True


TRADES = (
    Trade(
        "home_cooking",
        Vertical.FOOD,
        7,
        ("家常菜", "小馆", "食堂", "私房菜"),
        (MEALS, DAY, MEALS),
        600,
        (1500, 2000, 2500),
        (100, 150, 200),
        (15, 20, 25),
    ),
    Trade(
        "convenience",
        Vertical.RETAIL,
        15,
        ("便利店", "便利", "超市"),
        (LONG_DAY, DAY, ALL_DAY),
        400,
        (0, 1000, 1500, 2000),
        (0, 0, 50),
        (5, 8),
    ),
    Trade(
        "produce",
        Vertical.RETAIL,
        9,
        ("生鲜", "果蔬", "菜市"),
        (MARKET_DAY, DAY),
        300,
        (1000, 1500, 2000),
        (0, 50),
        (8, 10, 12),
    ),
    Trade(
        "pharmacy",
        Vertical.RETAIL,
        4,
        ("大药房", "药店"),
        (DAY, ALL_DAY),
        300,
        (0, 500, 1000),
        (0,),
        (5, 8),
    ),
    Trade(
        "noodles",
        Vertical.FOOD,
        4,
        ("面馆", "粉面", "饺子馆"),
        (DAY, MEALS),
        600,
        (1000, 1500),
        (100, 150),
        (10, 12),
    ),
    Trade(
        "breakfast",
        Vertical.FOOD,
        3,
        ("早点", "包子铺"),
        (MORNING, MORNING_AND_NOON),
        500,
        (500, 800),
        (50, 100),
        (5, 8),
    ),
    Trade(
        "sweets",
        Vertical.FOOD,
        3,
        ("甜品", "茶饮", "烘焙"),
        (DAY, LEISURE_DAY),
        700,
        (1000, 1500),
        (0, 100),
        (8, 10),
    ),
    Trade(
        "night_grill",
        Vertical.FOOD,
        3,
        ("烧烤", "小龙虾", "烤鱼"),
        (EVENING,),
        800,
        (2000, 3000),
        (100, 200),
        (20, 25),
    ),
    Trade("cleaning", Vertical.HOME_SERVICE, 2, ("家政保洁",), (OFFICE_DAY, DAY), 500, (0,), is_delivering=False),
    Trade("repair", Vertical.HOME_SERVICE, 2, ("维修",), (OFFICE_DAY, DAY), 500, (0,), is_delivering=False),
    Trade("care", Vertical.HOME_SERVICE, 2, ("生活服务",), (OFFICE_DAY, DAY), 500, (0,), is_delivering=False),
    Trade("cinema", Vertical.LEISURE, 1, ("影院",), (LEISURE_DAY,), 500, (0,), is_delivering=False),
    Trade("gym", Vertical.LEISURE, 1, ("健身",), (LONG_DAY,), 600, (0,), is_delivering=False),
    Trade("massage", Vertical.LEISURE, 1, ("足道",), (EVENING, LEISURE_DAY), 800, (0,), is_delivering=False),
    Trade("games", Vertical.LEISURE, 1, ("桌游馆",), (LEISURE_DAY,), 700, (0,), is_delivering=False),
    Trade("family", Vertical.LEISURE, 1, ("亲子乐园",), (LEISURE_DAY,), 600, (0,), is_delivering=False),
    Trade("hair", Vertical.LEISURE, 1, ("美发",), (LEISURE_DAY,), 700, (0,), is_delivering=False),
)


def fee_tiers(trade: Trade, random: Random, radius_m: int) -> Tiers:
    """Return the delivery fee by distance, out to ``radius_m``: a first kilometer, then more for each further one."""
    if not trade.is_delivering:
        return [{"up_to_m": radius_m, "fee_fen": 0}]
    fee_fen, step_fen = random.choice((200, 300, 400)), random.choice((100, 150, 200))
    ends_m = [*range(1000, radius_m, 1000), radius_m]
    return [{"up_to_m": end_m, "fee_fen": fee_fen + step_fen * i} for i, end_m in enumerate(ends_m)]


def discount_tiers(trade: Trade, random: Random) -> Tiers:
    """Return the shop's own discount by amount (满减); two in five delivering shops have one."""
    if not trade.is_delivering or random.random() > 0.4:  # noqa: PLR2004 - two in five
        return []
    first_fen = random.choice((3000, 4000, 5000))
    return [
        {"from_fen": first_fen, "off_fen": first_fen // 10},
        {"from_fen": 2 * first_fen, "off_fen": first_fen * 3 // 10},
    ]
