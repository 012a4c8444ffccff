"""What a request may say: the bracketed form back into values, by a table per call that refuses what it lacks."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from app.adapters.sandbox_gateway.objects import EVIDENCE, ApiError

Value = Any
"""A text, a list of texts, or a group of values by name; after its rule, what the rule makes of it."""
Rule = Callable[[str, Value], Value]

AMOUNT_MAX = 99_999_999
METADATA_KEYS_MAX = 50
METADATA_KEY_LENGTH_MAX = 40
METADATA_VALUE_LENGTH_MAX = 500
PAIRS_MAX = 400
LIST_LIMIT_MAX = 100

_NAME = re.compile(r"([A-Za-z0-9_]+)((?:\[[^\[\]]*\])*)")
_BRACKET = re.compile(r"\[([^\[\]]*)\]")
_WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)


def refuse(name: str, code: str, message: str) -> ApiError:
    """Return the refusal of one parameter."""
    return ApiError(400, code, message, param=name)


def nest(pairs: Iterable[tuple[str, str]]) -> dict[str, Value]:
    """Return ``a[b]=c`` as ``{"a": {"b": "c"}}`` and ``a[]=x`` as ``{"a": ["x"]}``.

    :raises ApiError: a name that cannot be read, one that is given twice, or too many.
    """
    result: dict[str, Value] = {}
    for count, (name, value) in enumerate(pairs):
        match = _NAME.fullmatch(name)
        if match is None or count >= PAIRS_MAX:
            raise refuse(name[:100], "parameter_unknown", "The parameters cannot be read.")
        _put(result, [match[1], *_BRACKET.findall(match[2])], value, name)
    return result


def _put(target: dict[str, Value], path: list[str], value: str, name: str) -> None:
    *parents, last = path
    is_list = last == "" and bool(parents)
    if is_list:
        *parents, last = parents
    place: Value = target
    for step in parents:
        place = place.setdefault(step, {})
        if not isinstance(place, dict) or not step:
            raise refuse(name, "parameter_invalid_hash", "The parameter is given in two shapes.")
    if is_list:
        items = place.setdefault(last, [])
        if not isinstance(items, list):
            raise refuse(name, "parameter_invalid_array", "The parameter is given in two shapes.")
        items.append(value)
    elif last in place:
        raise refuse(name, "parameter_invalid_string", "The parameter is given twice.")
    else:
        place[last] = value


def shaped(given: Mapping[str, Value], rules: Mapping[str, Rule], *, within: str = "") -> dict[str, Value]:
    """Return ``given`` with every value read by its rule.

    :raises ApiError: ``parameter_unknown``, or what the rule says.
    """
    result = {}
    for name, value in given.items():
        full = f"{within}[{name}]" if within else name
        rule = rules.get(name)
        if rule is None:
            raise refuse(full, "parameter_unknown", f"Unknown parameter: {full[:200]}")
        result[name] = rule(full, value)
    return result


def required(given: Mapping[str, Value], *names: str) -> None:
    """Refuse with ``parameter_missing`` when one of ``names`` is absent."""
    for name in names:
        if name not in given:
            raise refuse(name, "parameter_missing", f"Required parameter missing: {name}")


def whole(least: int, most: int) -> Rule:
    """Return the rule of an integer between ``least`` and ``most``."""

    def rule(name: str, value: Value) -> int:
        if not isinstance(value, str) or not _WHOLE.fullmatch(value):
            raise refuse(name, "parameter_invalid_integer", f"Not an integer: {name}")
        if int(value) < least:
            raise refuse(name, "parameter_invalid_integer", f"{name} must be at least {least}.")
        if int(value) > most:
            code = "amount_too_large" if name == "amount" else "parameter_invalid_integer"
            raise refuse(name, code, f"{name} must be at most {most}.")
        return int(value)

    return rule


def text(most: int = 5000) -> Rule:
    """Return the rule of a text of 1 to ``most`` characters."""

    def rule(name: str, value: Value) -> str:
        if not isinstance(value, str):
            raise refuse(name, "parameter_invalid_string", f"Not a text: {name}")
        if not value:
            raise refuse(name, "parameter_invalid_empty", f"Empty: {name}")
        if len(value) > most:
            raise refuse(name, "parameter_invalid_string", f"{name} has more than {most} characters.")
        return value

    return rule


def one_of(*choices: str) -> Rule:
    """Return the rule of a text out of ``choices``."""

    def rule(name: str, value: Value) -> str:
        if value not in choices:
            raise refuse(name, "parameter_invalid_string", f"{name} must be one of: {', '.join(choices)}")
        return str(value)

    return rule


def flag(name: str, value: Value) -> bool:
    """Read ``true`` or ``false``."""
    return bool(one_of("true", "false")(name, value) == "true")


def group(**rules: Rule) -> Rule:
    """Return the rule of nested parameters."""

    def rule(name: str, value: Value) -> dict[str, Value]:
        if not isinstance(value, dict):
            raise refuse(name, "parameter_invalid_hash", f"Not a group of parameters: {name}")
        return shaped(value, rules, within=name)

    return rule


def one_way_to_pay(name: str, value: Value) -> list[str]:
    """Read the list of ways to pay: WeChat Pay or card, one of them here."""
    # A list comes as ``name[]`` or, from some clients, as ``name[0]``.
    given = list(value.values()) if isinstance(value, dict) else value
    if given not in (["wechat_pay"], ["card"]):
        raise refuse(name, "payment_intent_invalid_parameter", "This sandbox knows wechat_pay and card, one at a time.")
    return given


def metadata(name: str, value: Value) -> dict[str, str]:
    """Read metadata within Stripe's limits: 50 keys of up to 40 characters, values of up to 500."""
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise refuse(name, "parameter_invalid_hash", "Metadata is a flat group of texts.")
    if (
        len(value) > METADATA_KEYS_MAX
        or any(len(key) > METADATA_KEY_LENGTH_MAX for key in value)
        or any(len(item) > METADATA_VALUE_LENGTH_MAX for item in value.values())
    ):
        raise refuse(name, "parameter_invalid_hash", "Metadata has too many keys, or a key or value is too long.")
    return value


def created(name: str, value: Value) -> dict[str, int]:
    """Read an instant, or a window with ``gt``, ``gte``, ``lt``, ``lte``; seconds since the epoch."""
    second = whole(0, 10**12)
    if isinstance(value, dict):
        return shaped(value, dict.fromkeys(("gt", "gte", "lt", "lte"), second), within=name)
    instant = second(name, value)
    return {"gte": instant, "lte": instant}


PAYMENT_METHOD: Mapping[str, Rule] = {
    "payment_method_types": one_way_to_pay,
    "payment_method_data": group(type=one_of("wechat_pay")),
    "payment_method_options": group(wechat_pay=group(client=one_of("web", "android", "ios"), app_id=text())),
}
CREATE_INTENT: Mapping[str, Rule] = {
    **PAYMENT_METHOD,
    "amount": whole(1, AMOUNT_MAX),
    "currency": one_of("cny"),
    "confirm": flag,
    "description": text(1000),
    "metadata": metadata,
}
CANCEL_INTENT: Mapping[str, Rule] = {
    "cancellation_reason": one_of("abandoned", "duplicate", "fraudulent", "requested_by_customer"),
}
CREATE_REFUND: Mapping[str, Rule] = {
    "amount": whole(1, AMOUNT_MAX),
    "charge": text(),
    "payment_intent": text(),
    "metadata": metadata,
    "reason": one_of("duplicate", "fraudulent", "requested_by_customer"),
}
UPDATE_DISPUTE: Mapping[str, Rule] = {
    "evidence": group(**dict.fromkeys(EVIDENCE, text(20_000))),
    "metadata": metadata,
    "submit": flag,
}
PAGE: Mapping[str, Rule] = {
    "created": created,
    "limit": whole(1, LIST_LIMIT_MAX),
    "starting_after": text(),
    "ending_before": text(),
}
LISTS: Mapping[str, Mapping[str, Rule]] = {
    "payment_intent": PAGE,
    "refund": {**PAGE, "payment_intent": text(), "charge": text()},
    "dispute": {**PAGE, "payment_intent": text(), "charge": text()},
    "event": {**PAGE, "type": text()},
    "balance_transaction": {**PAGE, "source": text(), "type": text()},
}
