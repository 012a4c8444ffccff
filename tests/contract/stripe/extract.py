"""Cut the part of Stripe's published OpenAPI description that Linli speaks.

    python tests/contract/stripe/extract.py SPEC3_JSON OUTPUT_JSON [PATH ...]

``SPEC3_JSON`` is ``openapi/spec3.json`` of the MIT-licensed repository stripe/openapi. What is kept, and what is cut:

- the named paths (default: ``PATHS``), each whole: parameters, body, answers;
- every schema that they reach. A property that Stripe fills with an id unless asked to expand it is kept as
  the id alone,
  for nothing here ever sends ``expand``; the objects that an error may carry beside the payment intent are
  kept as objects without a shape;
- no prose: descriptions and titles are dropped, the constraints are not.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

PATHS = (
    "/v1/balance_transactions",
    "/v1/balance_transactions/{id}",
    "/v1/charges/{charge}",
    "/v1/disputes",
    "/v1/disputes/{dispute}",
    "/v1/disputes/{dispute}/close",
    "/v1/events",
    "/v1/events/{id}",
    "/v1/payment_intents",
    "/v1/payment_intents/{intent}",
    "/v1/payment_intents/{intent}/cancel",
    "/v1/payment_intents/{intent}/confirm",
    "/v1/refunds",
    "/v1/refunds/{refund}",
)

METHODS = {
    "/v1/charges/{charge}": {"get"},
    "/v1/payment_intents/{intent}": {"get"},
    "/v1/refunds/{refund}": {"get"},
}
"""Where a path has methods that Linli does not use, the ones that it does."""

PROSE = frozenset(
    {"description", "title", "x-expandableFields", "x-resourceId", "x-stripeBypassValidation", "deprecated"}
)
SHAPELESS = {"api_errors": ("payment_method", "setup_intent", "source")}
REF = "#/components/schemas/"


def without_prose(node: Any, *, names: bool = False) -> Any:
    """Return ``node`` without prose; ``names`` says that its keys are property names and are all kept."""
    if isinstance(node, list):
        return [without_prose(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = node if names else {key: value for key, value in node.items() if key not in PROSE}
    return {key: without_prose(value, names=key == "properties" and not names) for key, value in kept.items()}


def ids_only(node: Any) -> Any:
    """Replace every expandable union by the id that stands there unless expansion is asked for."""
    if isinstance(node, list):
        return [ids_only(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "x-expansionResources" in node and "anyOf" in node:
        plain = next(option for option in node["anyOf"] if option.get("type") == "string")
        return plain | ({"nullable": True} if node.get("nullable") else {})
    return {key: ids_only(value) for key, value in node.items() if key != "x-expansionResources"}


def references(node: Any) -> set[str]:
    """Return the names of the schemas that ``node`` points at."""
    if isinstance(node, list):
        return {name for item in node for name in references(item)}
    if not isinstance(node, dict):
        return set()
    own = {node["$ref"].removeprefix(REF)} if isinstance(node.get("$ref"), str) else set()
    return own | {name for value in node.values() for name in references(value)}


def extract(spec: dict[str, Any], paths: tuple[str, ...]) -> dict[str, Any]:
    """Return the part of ``spec`` that ``paths`` need."""
    kept_paths = {}
    for path in paths:
        allowed = METHODS.get(path)
        kept_paths[path] = {
            method: ids_only(without_prose(operation))
            for method, operation in spec["paths"][path].items()
            if allowed is None or method in allowed
        }
    everything = spec["components"]["schemas"]
    schemas: dict[str, Any] = {}
    waiting = references(kept_paths)
    while waiting:
        name = waiting.pop()
        schema = ids_only(without_prose(everything[name]))
        for shapeless in SHAPELESS.get(name, ()):
            if shapeless in schema.get("properties", {}):
                schema["properties"][shapeless] = {"type": "object"}
        schemas[name] = schema
        waiting |= references(schema) - schemas.keys()
    return {
        "openapi": spec["openapi"],
        "info": {"title": spec["info"]["title"], "version": spec["info"]["version"]},
        "paths": kept_paths,
        "components": {"schemas": dict(sorted(schemas.items()))},
    }


def main(arguments: list[str]) -> int:
    """Write the extract; the exit code is 2 when the arguments are not understood."""
    if len(arguments) < 2:
        sys.stderr.write(__doc__ or "")
        return 2
    source, target, *paths = arguments
    part = extract(json.loads(Path(source).read_text("utf-8")), tuple(paths) or PATHS)
    Path(target).write_text(json.dumps(part, ensure_ascii=False, separators=(",", ":"), sort_keys=True) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
