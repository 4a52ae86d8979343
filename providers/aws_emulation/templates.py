"""Evaluates references in `kinds/*.yaml`: `$name.path|filter` is a whole text, `${name.path}` is a part of a text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import jmespath

from providers.protocol.values import UNKNOWN

WHOLE: Final = re.compile(r"^\$([A-Za-z][\w.]*)((?:\|\w+)*)$")
INSIDE: Final = re.compile(r"\$\{([A-Za-z][\w.]*)((?:\|\w+)*)\}")


def fill(template: Any, values: dict[str, Any]) -> Any:
    """Return `template` with references replaced; leave out entries whose reference has no value.

    A text that contains an unknown value becomes unknown.
    """
    if isinstance(template, str):
        return _text(template, values)
    if isinstance(template, dict):
        filled = {key: fill(item, values) for key, item in template.items()}
        return {key: item for key, item in filled.items() if item is not None} or (None if template else {})
    if isinstance(template, list):
        return [item for item in (fill(item, values) for item in template) if item is not None] or None
    return template


def select(expression: str, source: Any, values: dict[str, Any]) -> Any:
    """Evaluate a JMESPath on `source`, after replacing references in it."""
    return jmespath.search(_text(expression, values), source)


def find(expression: str, source: Any, values: dict[str, Any]) -> Any:
    """Evaluate an expression: a text with references, or a JMESPath on `source`."""
    if "$" in expression:
        return fill(expression, {**values, "it": source})
    return jmespath.search(expression, source)


def _text(template: str, values: dict[str, Any]) -> Any:
    if template.startswith("$$"):  # an escaped `$`
        return template[1:]
    if whole := WHOLE.match(template):
        return _filtered(_path(whole[1], values), whole[2])
    parts = {found[0]: _filtered(_path(found[1], values), found[2]) for found in INSIDE.finditer(template)}
    if any(value is None for value in parts.values()):
        return None
    if any(value is UNKNOWN for value in parts.values()):
        return UNKNOWN
    for reference, value in parts.items():
        template = template.replace(reference, str(value))
    return template


def _path(path: str, values: dict[str, Any]) -> Any:
    found: Any = values
    for part in path.split("."):
        if found is UNKNOWN:
            return UNKNOWN
        if isinstance(found, list):
            if not part.isdigit():
                found = found[0] if found else None
            else:
                found = found[int(part)] if int(part) < len(found) else None
                continue
        if not isinstance(found, dict):
            return None
        found = found.get(part)
    return found


def _filtered(value: Any, filters: str) -> Any:
    for name in filter(None, filters.split("|")):
        if name in DEFAULTS:
            value = DEFAULTS[name] if value is None else value
            continue
        if value is None or value is UNKNOWN:
            return value
        value = FILTERS[name](value)
    return value


def _launch_data(inputs: dict[str, Any]) -> dict[str, Any]:
    names = {"vpcSecurityGroupIds": "securityGroupIds"}
    excluded = {"name", "description", "tags", "tagsAll", "updateDefaultVersion", "region"}
    return {names.get(key, key): value for key, value in inputs.items() if key not in excluded}


def _notification(entry: dict[str, Any]) -> dict[str, Any]:
    subscribers = [
        {"SubscriptionType": kind, "Address": address}
        for kind, field in (("EMAIL", "subscriberEmailAddresses"), ("SNS", "subscriberSnsTopicArns"))
        for address in entry.get(field) or []
    ]
    known = {key: value for key, value in entry.items() if not key.startswith("subscriber")}
    return {"Notification": known, "Subscribers": subscribers}


def _log_delivery(entry: dict[str, Any]) -> dict[str, Any]:
    name, field = {
        "cloudwatch-logs": ("CloudWatchLogsDetails", "LogGroup"),
        "kinesis-firehose": ("KinesisFirehoseDetails", "DeliveryStream"),
    }[entry["destinationType"]]
    known = {key: value for key, value in entry.items() if key != "destination"}
    return {**known, "destinationDetails": {name: {field: entry["destination"]}}}


FILTERS: Final[dict[str, Callable[[Any], Any]]] = {
    "launchdata": _launch_data,
    "notifications": lambda value: [_notification(entry) for entry in value],
    "costfilters": lambda value: {entry["name"]: entry["values"] for entry in value},
    "logdelivery": lambda value: [_log_delivery(entry) for entry in value],
    "records": lambda value: [{"Value": item} for item in value],
    "pairs": lambda value: [{"Key": key, "Value": item} for key, item in sorted(value.items())],
    "kmspairs": lambda value: [{"TagKey": key, "TagValue": item} for key, item in sorted(value.items())],
    "tagkeys": lambda value: [{"Key": key} for key in value],
    "encryption": lambda value: [value],
    "dbparameters": lambda value: [
        {
            "ParameterName": entry["name"],
            "ParameterValue": entry["value"],
            "ApplyMethod": entry.get("applyMethod", "immediate"),
        }
        for entry in value
    ],
    "cacheparameters": lambda value: [
        {"ParameterName": entry["name"], "ParameterValue": entry["value"]} for entry in value
    ],
    "once": lambda value: [value] if value else [],
    "nonzero": lambda value: value or None,
    "zero": lambda value: value == 0 or None,
}
DEFAULTS: Final = {"described": "Managed by Pulumi"}
"""Filters that replace an absent value by the real provider's default."""
