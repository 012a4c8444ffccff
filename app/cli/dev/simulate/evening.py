"""The bundled evening: an invented neighborhood at dinner time, the same for the same seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.cli.demo.seeded import chance
from app.cli.dispatch.instance import Duty, Instance, Place, Wish

if TYPE_CHECKING:
    from random import Random

ORDERS = 300
FROM_MINUTE, PEAK_MINUTE, TO_MINUTE = 16 * 60 + 30, 18 * 60 + 30, 21 * 60 + 30
LAST_MINUTE = 22 * 60 + 30
SIDE_M = 5_000
CENTERS = 4
ORDERS_PER_RESTAURANT, ORDERS_PER_COURIER = 8, 5
PREPARATION_MINUTES = (8, 25)
SHIFT_MINUTES = (150, 300)


def make_evening(seed: int, orders: int = ORDERS) -> Instance:
    """Return an evening with ``orders`` wishes: restaurants in a few streets, doors all around, couriers on e-bikes."""
    random = chance(seed, "evening", orders)
    centers = [_anywhere(random) for _ in range(CENTERS)]
    restaurants = {
        f"r{number}": _near(random, random.choice(centers), 400)
        for number in range(1, max(3, orders // ORDERS_PER_RESTAURANT) + 1)
    }
    return Instance(
        name=f"evening {seed}",
        wishes=tuple(_wish(random, number, restaurants) for number in range(1, orders + 1)),
        duties=tuple(
            _duty(random, number, _near(random, random.choice(centers), 800))
            for number in range(1, max(3, orders // ORDERS_PER_COURIER) + 1)
        ),
        restaurants=restaurants,
        meters_per_minute=300,
        pick_up_minutes=2,
        drop_minutes=3,
    )


def _wish(random: Random, number: int, restaurants: dict[str, Place]) -> Wish:
    placed = int(random.triangular(FROM_MINUTE, TO_MINUTE, PEAK_MINUTE))
    restaurant = random.choice(list(restaurants))
    door = _near(random, restaurants[restaurant], 1_200)
    return Wish(f"o{number}", door, placed, restaurant, placed + random.randint(*PREPARATION_MINUTES))


def _duty(random: Random, number: int, start: Place) -> Duty:
    if number <= 2:  # noqa: PLR2004 - two stay for the whole evening, so that no hour is without a courier
        return Duty(f"c{number}", start, FROM_MINUTE, LAST_MINUTE)
    minutes = random.randint(*SHIFT_MINUTES)
    on = random.randint(FROM_MINUTE, LAST_MINUTE - minutes)
    return Duty(f"c{number}", start, on, on + minutes)


def _anywhere(random: Random) -> Place:
    return Place(random.randrange(SIDE_M), random.randrange(SIDE_M))


def _near(random: Random, center: Place, spread_m: float) -> Place:
    return Place(round(random.gauss(center.x, spread_m)), round(random.gauss(center.y, spread_m)))
