"""Ways on a plane at a constant speed: never learned from the fastest rider."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.core.dispatch.problem import Point

SPEED_M_MIN = 200.0
"""12 km/h door to door, as the crow flies: a constant, never learned from the fastest rider. Our own rule."""
STOP_S = 180
"""What a stop takes, half of it before the act. Our own rule."""


def ride_s(meters: float) -> int:
    """Return what a way takes by the constants, seconds."""
    return math.ceil(meters / SPEED_M_MIN * 60)


@dataclass(frozen=True, slots=True)
class PlaneTravel:
    """Straight ways, made longer by ``detour``, at ``meters_per_minute``; in whole steps of ``step_s``, rounded up."""

    meters_per_minute: float
    detour: float = 1.0
    step_s: int = 1

    def seconds(self, start: Point, end: Point) -> int:
        """Return the time of one way."""
        meters = math.hypot(start[0] - end[0], start[1] - end[1])
        return math.ceil(meters * self.detour / self.meters_per_minute * 60 / self.step_s) * self.step_s

    def matrix(self, starts: Sequence[Point], ends: Sequence[Point]) -> Any:
        """Return the seconds from each start to each end, shape ``(starts, ends)``."""
        import numpy as np  # noqa: PLC0415 - heavy, and wanted by a tick alone

        first, second = np.asarray(starts, float).reshape(-1, 2), np.asarray(ends, float).reshape(-1, 2)
        meters = np.hypot(first[:, 0:1] - second[:, 0], first[:, 1:2] - second[:, 1])
        return np.ceil(meters * self.detour / self.meters_per_minute * 60 / self.step_s) * self.step_s
