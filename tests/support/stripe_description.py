"""Stripe's published description as a judge of requests and answers.

Stricter than the description's letter: an object with named properties may have no others, in requests and in answers.
"""

import json
import re
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from jsonschema import Draft7Validator

PART = Path(__file__).parents[1] / "contract" / "stripe" / "spec3.part.json"
FORM = "application/x-www-form-urlencoded"


def _json_schema(node: Any) -> Any:
    """Return an OpenAPI 3.0 schema as JSON Schema: ``nullable`` is a type, named properties are the only ones."""
    if isinstance(node, list):
        return [_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    result = {key: _json_schema(value) for key, value in node.items()}
    if isinstance(node.get("properties"), dict) and node.get("type") == "object":
        result.setdefault("additionalProperties", False)
    return {"anyOf": [result, {"type": "null"}]} if node.get("nullable") is True else result


@cache
def description() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(PART.read_text("utf-8"))
    return loaded


@cache
def _components() -> Any:
    return _json_schema(description()["components"])


def _problems(schema: Any, instance: Any) -> list[str]:
    validator = Draft7Validator({**_json_schema(schema), "components": _components()})
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in validator.iter_errors(instance)]


def _operation(method: str, path: str) -> dict[str, Any]:
    for template, operations in sorted(description()["paths"].items(), key=lambda item: item[0].count("{")):
        if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template)), path) and method.lower() in operations:
            found: dict[str, Any] = operations[method.lower()]
            return found
    raise AssertionError(f"{method} {path} is not described")


def _typed(schema: Any, value: Any) -> Any:
    """Give a form's texts the types that ``schema`` asks for; what does not fit stays text and is refused by it."""
    for option in schema.get("anyOf", [schema]):
        if isinstance(value, dict) and option.get("type") == "object":
            properties = option.get("properties", {})
            return {key: _typed(properties.get(key, {}), inner) for key, inner in value.items()}
        if isinstance(value, list) and option.get("type") == "array":
            return [_typed(option["items"], inner) for inner in value]
        if option.get("type") == "integer" and isinstance(value, str) and re.fullmatch(r"-?\d+", value):
            return int(value)
        if option.get("type") == "boolean" and value in ("true", "false"):
            return value == "true"
    return value


def nested(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Read ``a[b]=c`` and ``a[]=x``, apart from how the sandbox reads them."""
    result: dict[str, Any] = {}
    for name, value in pairs:
        steps = re.findall(r"[^\[\]]+|\[\]", name)
        target: Any = result
        for step, following in pairwise(steps):
            target = target.setdefault(step, [] if following == "[]" else {})
        if steps[-1] == "[]":
            target.append(value)
        else:
            assert steps[-1] not in target, name
            target[steps[-1]] = value
    return result


def request_problems(method: str, url: str, body: str | None) -> list[str]:
    """Return how a request breaks the description."""
    address = urlsplit(url)
    operation = _operation(method, address.path)
    parameters = {one["name"]: one for one in operation.get("parameters", []) if one["in"] == "query"}
    query = nested(parse_qsl(address.query, keep_blank_values=True, strict_parsing=bool(address.query)))
    problems = [f"unknown query parameter {name}" for name in query.keys() - parameters.keys()]
    for name in query.keys() & parameters.keys():
        problems += _problems(parameters[name]["schema"], _typed(parameters[name]["schema"], query[name]))
    schema = operation["requestBody"]["content"][FORM]["schema"]
    given = nested(parse_qsl(body or "", keep_blank_values=True, strict_parsing=bool(body)))
    return problems + _problems(schema, _typed(schema, given))


def answer_problems(method: str, url: str, status: int, body: Any) -> list[str]:
    """Return how an answer breaks the description."""
    responses = _operation(method, urlsplit(url).path)["responses"]
    return _problems(responses.get(str(status), responses["default"])["content"]["application/json"]["schema"], body)


def object_problems(body: dict[str, Any]) -> list[str]:
    """Return how an object, by its own ``object`` field, breaks its schema."""
    return _problems({"$ref": f"#/components/schemas/{body['object']}"}, body)
