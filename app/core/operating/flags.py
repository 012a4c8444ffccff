"""Acts that somebody is to look into (审计标记): rules over the audit log, and what was found.

A person of the staff has at most one open flag by a rule; what they do after it was resolved is looked at anew.
"""

from dataclasses import dataclass
from enum import StrEnum


class FlagRule(StrEnum):
    """Why acts were flagged."""

    MANY_LOOKUPS = "many_lookups"
    COLLEAGUE_LOOKED_UP = "colleague_looked_up"
    MANY_REFUSED_VISITORS = "many_refused_visitors"
    LOG_UNSOUND = "log_unsound"
    """The proof of the log found something: nobody's acts, but the log's own."""


class FlagFinding(StrEnum):
    """What came of looking into it."""

    EXPLAINED = "explained"
    MISUSE = "misuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Acts of a kind that are flagged when there are many of them within an hour of the clock.

    :param staff: whose acts, by the kind of their organization.
    :param where: SQL over an act ``a``.
    :param act_count_max: as many within an hour are not flagged.
    """

    rule: FlagRule
    staff: str
    where: str
    act_count_max: int


_LOOKUP = "a.verb IN ('party.search', 'party.timeline')"
WATCHED = (
    Watched(rule=FlagRule.MANY_LOOKUPS, staff="platform", where=_LOOKUP, act_count_max=60),
    Watched(
        rule=FlagRule.COLLEAGUE_LOOKED_UP,
        staff="platform",
        where=f"""{_LOOKUP} AND EXISTS (SELECT 1 FROM memberships AS c
            WHERE c.organization_kind = 'platform' AND c.account_id = a.whom_id)""",
        act_count_max=0,
    ),
    Watched(
        rule=FlagRule.MANY_REFUSED_VISITORS,
        staff="store",
        where="a.verb = 'desk.begin' AND a.outcome = 'refused'",
        act_count_max=9,
    ),
)
"""A new rule is a row here. Finding nobody counts as looking somebody up: numbers can be guessed."""
