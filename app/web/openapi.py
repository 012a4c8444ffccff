"""The OpenAPI 3.1 document, made from the running application: routes, schemas, policies. Diffed in CI.

apispec reads the schemas; routes and everything that all routes share (problems, tokens, keys) are added here.
"""

import re
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask
from marshmallow import Schema

from app.web.door import Operation
from app.web.fields import Day, Degrees, Fen, Instant, Int, Quantity
from app.web.policy import Relation, policy_of

_PATH_PARAMETER = re.compile(r"<(?:(\w+):)?(\w+)>")
VERSION = "0.1.0"


def describe(app: Flask) -> dict[str, Any]:
    """Return the document of all routes of ``app`` that carry an operation."""
    plugin = MarshmallowPlugin(schema_name_resolver=_name_of)
    spec = APISpec(title="Linli 邻里", version=VERSION, openapi_version="3.1.0", plugins=[plugin], info=_INFO)
    assert plugin.converter is not None
    plugin.converter.add_attribute_function(_integer_bounds)  # type: ignore[no-untyped-call]
    plugin.converter.field_mapping[Instant] = ("string", "date-time")
    plugin.converter.field_mapping[Day] = ("string", "date")
    _add_shared(spec)
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, sorted(rule.methods or ()))):
        view = app.view_functions[rule.endpoint]
        operation: Operation | None = getattr(view, "operation", None)
        if operation is None:
            continue
        path = _PATH_PARAMETER.sub(r"{\2}", rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            spec.path(path=path, operations={method.lower(): _operation(rule, rule.endpoint, view, operation)})
    document: dict[str, Any] = spec.to_dict()
    _drop_null_defaults(document)
    return document


def _drop_null_defaults(part: Any) -> None:
    """Remove ``default: null``: what is not given is simply not given, and null is not among the values."""
    if isinstance(part, dict):
        if "default" in part and part["default"] is None:
            del part["default"]
        for below in part.values():
            _drop_null_defaults(below)
    elif isinstance(part, list):
        for below in part:
            _drop_null_defaults(below)


_INFO = {
    "description": (
        "Amounts are integer fen (分). Instants are RFC 3339, UTC. Refusals are RFC 9457 problem documents with a "
        "frozen `code`. Acts on money and orders need an `Idempotency-Key`; a repeat with the same key and body gets "
        "the same answer."
    ),
    "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
}


def _name_of(schema: type[Schema] | Schema) -> str:
    """Return a name that is unique over the doors: a side's own shape carries the side's name."""
    cls = schema if isinstance(schema, type) else type(schema)
    package = cls.__module__.split(".")[1]
    return cls.__name__ if package == "web" else f"{package.capitalize()}{cls.__name__}"


def _integer_bounds(_self: object, field: object, **_kwargs: object) -> dict[str, Any]:
    if isinstance(field, Fen):
        return {"format": "int64", "description": field.metadata.get("description", "fen (分)")}
    if isinstance(field, Int | Quantity):
        return {"format": "int64"}
    if isinstance(field, Degrees):
        return {"description": "degrees, WGS-84"}
    return {}


def _add_shared(spec: APISpec) -> None:
    spec.components.security_scheme(
        "token", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "one side's access token"}
    )
    spec.components.schema(
        "Problem",
        {
            "type": "object",
            "required": ["type", "title", "status", "detail", "code"],
            "properties": {
                "type": {"type": "string", "format": "uri"},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string"},
                "code": {"type": "string"},
                "errors": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["pointer", "detail"],
                        "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
                    },
                },
            },
            "additionalProperties": True,
        },
    )
    spec.components.response(
        "Problem",
        {
            "description": "Refused: a problem document",
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        },
    )


def _operation(rule: Any, endpoint: str, view: Any, operation: Operation) -> dict[str, Any]:
    declared = policy_of(view)
    assert declared is not None
    summary, _, rest = (view.__doc__ or "").strip().partition("\n")
    described: dict[str, Any] = {
        "operationId": endpoint.replace(".", "_"),
        "tags": [endpoint.split(".", maxsplit=1)[0]],
        "summary": summary.strip(),
        "description": re.sub(
            r"\s+", " ", f"{rest} Permission: `{declared.verb}` ({declared.relation.value})."
        ).strip(),
        "parameters": [_path_parameter(converter, name) for converter, name in _PATH_PARAMETER.findall(rule.rule)],
        "responses": {"default": {"$ref": "#/components/responses/Problem"}},
    }
    if declared.needs_token:
        described["security"] = [{"token": []}]
    if declared.relation is Relation.SIGNED:
        described["parameters"].append(
            {"in": "header", "name": "Stripe-Signature", "required": True, "schema": {"type": "string"}}
        )
    if operation.is_once:
        described["parameters"].append(
            {
                "in": "header",
                "name": "Idempotency-Key",
                "required": True,
                "schema": {"type": "string", "minLength": 8, "maxLength": 128, "pattern": "^[!-~]+$"},
            }
        )
    if operation.query is not None:
        described["parameters"].append({"in": "query", "schema": operation.query})
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": operation.body}}}
    if operation.upload is not None:
        described["requestBody"] = {"required": True, "content": {"application/octet-stream": {}}}
    if operation.pages:
        content: dict[str, Any] = {media: {} for media in operation.pages}
        if operation.answer is not None:
            content["application/json"] = {"schema": operation.answer}
        described["responses"]["200"] = {"description": "Done", "content": content}
    elif operation.answer is None:
        described["responses"]["204"] = {"description": "Done"}
    else:
        described["responses"][str(operation.status)] = {
            "description": "Done",
            "content": {"application/json": {"schema": operation.answer}},
        }
    return described


def _path_parameter(converter: str, name: str) -> dict[str, Any]:
    kinds: dict[str, dict[str, Any]] = {
        "uuid": {"type": "string", "format": "uuid"},
        "int": {"type": "integer", "minimum": 0},
    }
    return {"in": "path", "name": name, "required": True, "schema": kinds.get(converter, {"type": "string"})}
