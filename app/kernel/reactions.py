"""What follows an event: a reaction touches only the database, and takes effect once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.kernel.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Reaction:
    """One thing to do after one kind of event, in a transaction of its own, behind a receipt.

    :param run: gets the transaction and the event's body.
    :param concerns: whether an event's body calls for it at all.
    """

    name: str
    run: Callable[[Transaction, Mapping[str, Any]], None]
    concerns: Callable[[Mapping[str, Any]], bool] = lambda _body: True


Reactions = Mapping[str, Sequence[Reaction]]
"""Kind of event → what follows it."""
