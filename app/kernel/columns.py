"""Column idioms shared by all models."""

from enum import StrEnum

from sqlalchemy import CheckConstraint


def one_of(column: str, states: type[StrEnum]) -> CheckConstraint:
    """Return the CHECK that holds ``column`` to the values of ``states``; a test compares both."""
    values = ", ".join(f"'{state.value}'" for state in states)
    return CheckConstraint(f"{column} IN ({values})", name=column)


def not_negative(*columns: str) -> tuple[CheckConstraint, ...]:
    """Return one CHECK per amount column that may not fall below zero."""
    return tuple(CheckConstraint(f"{column} >= 0", name=f"{column}_not_negative") for column in columns)
