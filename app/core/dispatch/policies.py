"""The policies by name. A new one is a class with a name and a ``decide``, and a line here."""

from app.core.dispatch.batch import BatchPolicy
from app.core.dispatch.greedy import HallPolicy, NearestPolicy
from app.core.dispatch.problem import Policy

POLICIES: dict[str, type[Policy]] = {"nearest": NearestPolicy, "hall": HallPolicy, "batch": BatchPolicy}
