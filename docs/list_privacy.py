"""Rewrite docs/privacy.md from the tables of app/core/privacy: ``.venv/bin/python docs/list_privacy.py``."""
# ruff: noqa: INP001 - a script beside what it writes

import sys
from pathlib import Path

PAGE = Path(__file__).with_name("privacy.md")
sys.path.insert(0, str(PAGE.parents[1]))

from app.core.privacy.register import REGISTER  # noqa: E402 - the checkout is on the path only now
from app.core.privacy.visibility import AFTER_DELIVERY, Field, Phase, Viewer, shown  # noqa: E402 - the same

INTRODUCTION = f"""\
# Privacy

Written by `docs/list_privacy.py` from `app/core/privacy`; a test fails when it is not what the tables say.

## Who sees what of a resident, and when

Name, phone and door are those of the address that an order goes to. An order is *under way* from its payment until it
is handed over or ends, *just over* for {int(AFTER_DELIVERY.total_seconds()) // 60} minutes, then *over*. `courier` is
who has the trip, from the claim on; `hall` are couriers who look for one: they see how long a trip is and how far
away. Masked is `138****1234` and `王*`, coarse is to a kilometer. Resident, courier and shop write to each other in
the order's own thread, which is open while it is under way or just over.

Of a courier, the resident of an order sees a place on a grid of about a hundred meters, from the claim until the order
is handed over or fails, and nobody else sees it but dispatch. The trail behind it is gone after thirty days.
What staff of a store or the platform are shown of a person is an act in the audit log, each time; a test names the
routes. Whoever searches all tables by `linli privacy search` leaves an act, too.

"""
REGISTER_INTRODUCTION = """
## What becomes of it at erasure

Every table about people. *Cleared* rows stay under the account's id, which leads to nobody any more; *kept* rows hold
ids, amounts, states and instants only. Export is what a person's own copy holds.

| Table | Fate | Sealed fields | Emptied | Exported |
|---|---|---|---|---|
"""


def page() -> str:
    """Return the whole page."""
    head = "| Field | Viewer | " + " | ".join(phase.value.replace("_", " ") for phase in Phase) + " |\n"
    rows = "".join(
        f"| `{field}` | {viewer} | " + " | ".join(shown(field, viewer, phase).value for phase in Phase) + " |\n"
        for field in Field
        for viewer in Viewer
    )
    held = "".join(
        f"| `{one.table}` | {one.fate.value.replace('_', ' ')} | {_names(one.sealed)} | {_names(one.clears)} "
        f"| {'yes' if one.is_exported else 'no'} |\n"
        for one in sorted(REGISTER, key=lambda one: one.table)
    )
    return INTRODUCTION + head + "|---" * (len(Phase) + 2) + "|\n" + rows + REGISTER_INTRODUCTION + held


def _names(columns: object) -> str:
    return ", ".join(f"`{column}`" for column in columns)  # type: ignore[attr-defined]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
