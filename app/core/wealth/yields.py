"""Yields of a money-market fund: income per 10,000 units (万份收益) and the seven-day yield (七日年化). Pure.

A unit is worth one yuan. Income per 10,000 units is kept in 1/10,000 yuan (``_e4``), the seven-day yield in 1/1,000 of
a percent (``_e3``), what is left of a fen after paying whole fen in 1/10^8 fen (``_e8``): all integers, all exact.
"""

from collections.abc import Sequence
from fractions import Fraction

E8 = 10**8
WEEK = 7
TEN_THOUSAND_E4_MAX = 1_000_000
"""100 yuan a day per 10,000: nothing above it is a money-market fund's."""


def seven_day_e3(last: Sequence[int]) -> int:
    """Return the seven-day yield of a fund that carries income over daily, in 1/1,000 percent, half-up.

    ``{[Π(1 + yᵢ/10000)]^(365/7) − 1} × 100 %`` over seven calendar days, weekends included.

    :param last: income per 10,000 units of seven days, ``_e4``; shape ``(7,)``.
    """
    assert len(last) == WEEK, "seven days make a seven-day yield"
    growth = Fraction(1)
    for income_e4 in last:
        growth *= 1 + Fraction(income_e4, E8)
    percent_e3 = (float(growth) ** (365 / WEEK) - 1) * 100_000
    return int(percent_e3 + 0.5)


def income(units_fen: int, ten_thousand_e4: int, carry_e8: int) -> tuple[int, int]:
    """Return the whole fen that ``units_fen`` earn on a day, and what of a fen is carried to the next day.

    ``⌊units × y / 10,000 + carry⌋``: the holder keeps the remainder. The accrual does the same in one statement of SQL;
    a test holds both together.

    :param carry_e8: 1/10^8 fen, ``0 <= carry_e8 < 10**8``; so is the one returned.
    """
    return divmod(units_fen * ten_thousand_e4 + carry_e8, E8)
