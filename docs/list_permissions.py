"""Rewrite docs/permissions.md from the table and the routes: ``.venv/bin/python docs/list_permissions.py``."""
# ruff: noqa: INP001 - a script beside what it writes

import sys
from collections import defaultdict
from pathlib import Path

PAGE = Path(__file__).with_name("permissions.md")
sys.path.insert(0, str(PAGE.parents[1]))

from flask import Flask  # noqa: E402 - the checkout is on the path only now

from app.core.accounts.permissions import BROWSING, PARTS, PERMISSIONS  # noqa: E402 - the same
from app.kernel.actor import Side  # noqa: E402 - the same
from app.web.policy import policy_of  # noqa: E402 - the same
from app.wiring import DOORS  # noqa: E402 - the same

INTRODUCTION = """\
# Permissions

Who may do what: a verb is what a route asks for, a role holds verbs, and what is not in these tables is refused. A
route whose verb nobody holds stops the start of the application. The session, the account and the role are looked up
with every request, so that a removed role counts at once; only what the resident's door serves for browsing
({browsing}) goes by the token alone, for its ten minutes.

The relation says what the asker must be to the thing: `own`, a member of its shop (`own_shop`) or store (`own_store`)
in a role that holds the verb, the courier of its trip (`own_trip`), or on the side at all. Another's looks absent.

Written by `docs/list_permissions.py` from `app/core/accounts/permissions.py` and the routes; a test fails when it is
not what they say.
"""


def page() -> str:
    """Return the whole page, a table for each side."""
    routes = _routes()
    parts = [INTRODUCTION.format(browsing=", ".join(f"`{verb}`" for verb in sorted(BROWSING)))]
    for side, table in PERMISSIONS.items():
        names = [part.value for part in PARTS[side]]
        parts.append(f"\n## {side.value}\n\n| Verb | {' | '.join(names)} | Routes |\n|---|{'---|' * len(names)}---|\n")
        for verb, held in table.items():
            cells = " | ".join("yes" if part in held else "" for part in PARTS[side])
            parts.append(f"| `{verb}` | {cells} | {'<br>'.join(routes[side, verb])} |\n")
    return "".join(parts)


def _routes() -> dict[tuple[Side, str], list[str]]:
    app = Flask("permissions", static_folder=None)
    for door in DOORS:
        app.register_blueprint(door)
    found: dict[tuple[Side, str], list[str]] = defaultdict(list)
    for rule in app.url_map.iter_rules():
        declared, side = policy_of(app.view_functions[rule.endpoint]), rule.endpoint.partition(".")[0]
        if declared is not None and declared.needs_token:
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                found[Side(side), declared.verb].append(f"`{method} {rule.rule}` {declared.relation.value}")
    for listed in found.values():
        listed.sort()
    return found


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
