from __future__ import annotations

from app.core.accounts.models import MemberRole
from app.core.accounts.permissions import (
    BROWSING,
    DECIDES,
    ORGANIZATION_OF,
    PARTS,
    PERMISSIONS,
    ROLES_OF,
    Part,
    holders,
    is_immediate,
    may,
)
from app.kernel.actor import Side
from app.web.policy import policy_of
from app.wiring import DOORS


def test_every_verb_is_held_by_parts_of_its_own_side_alone() -> None:
    for side, table in PERMISSIONS.items():
        for verb, held in table.items():
            assert held, verb
            assert held <= set(PARTS[side]), verb


def test_every_role_of_a_membership_is_a_part_of_a_side() -> None:
    given = {role for roles in ROLES_OF.values() for role in roles}

    assert given == set(MemberRole)
    assert {role.value for role in MemberRole} < {part.value for part in Part}
    assert set(ORGANIZATION_OF) == {Side.MERCHANT, Side.STORE, Side.PLATFORM}


def test_what_goes_by_the_token_alone_is_open_to_every_part_of_that_side() -> None:
    assert {verb for verb in BROWSING if is_immediate(Side.USER, verb)} == set()
    assert is_immediate(Side.USER, "order.read")
    assert all(is_immediate(side, "shop.read") for side in Side if side is not Side.USER)


def test_what_the_table_does_not_know_nobody_may() -> None:
    assert holders(Side.PLATFORM, "order.delete") == frozenset()
    assert not may(Side.PLATFORM, "order.delete", frozenset(Part))
    assert not may(Side.PLATFORM, "order.read", frozenset())


def test_the_table_has_no_verb_that_no_route_asks_for() -> None:
    asked: set[tuple[str, str]] = set()
    for door in DOORS:
        assert door.side is not None
        for view in door.views:
            declared = policy_of(view)
            assert declared is not None
            asked.add((door.side.value, declared.verb))

    assert {(side.value, verb) for side, table in PERMISSIONS.items() for verb in table if verb not in DECIDES} <= asked
