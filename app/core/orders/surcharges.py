"""What a way costs beyond its distance (配送附加费): by night, in bad weather, and upstairs without a lift. Pure.

An operator sets the rates of a community; what was never set costs nothing. A surcharge is part of the delivery fee,
and the fee is the courier's, whole.
"""

from dataclasses import dataclass

SURCHARGE_FEN_MAX = 2_000
"""No rate is above 20 yuan: a slip of the hand is not charged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurchargeRates:
    """The rates of a community, fen. ``floor_fen`` is for each floor climbed on foot."""

    night_fen: int = 0
    weather_fen: int = 0
    floor_fen: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surcharges:
    """What one way costs beyond its distance, each a line of the price, fen."""

    night_fen: int = 0
    weather_fen: int = 0
    floors_fen: int = 0

    @property
    def total_fen(self) -> int:
        """Return all of it, fen."""
        return self.night_fen + self.weather_fen + self.floors_fen


NO_SURCHARGES = Surcharges()


def surcharges_of(rates: SurchargeRates, *, is_night: bool, is_bad_weather: bool, walk_up_floors: int) -> Surcharges:
    """Return the surcharges of one way to a door that is ``walk_up_floors`` up, 0 with a lift."""
    return Surcharges(
        night_fen=rates.night_fen if is_night else 0,
        weather_fen=rates.weather_fen if is_bad_weather else 0,
        floors_fen=rates.floor_fen * walk_up_floors,
    )
