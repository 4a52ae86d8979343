"""The annotation `pulumi.com/waitFor`: `jsonpath={.status.phase}=Running`, `condition=Ready`, or a JSON list."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from jsonpath_ng.ext import parse

from local.plugins.kubernetes.client import Object
from local.plugins.kubernetes.waiting.conditions import condition, explained
from local.plugins.kubernetes.waiting.verdict import READY, Verdict, waiting
from local.plugins.protocol.errors import PluginError

WAIT_FOR = "pulumi.com/waitFor"
_JSONPATH = re.compile(r"^jsonpath=\{(?P<path>.+?)\}(?:=(?P<value>.*))?$", re.DOTALL)
_CONDITION = re.compile(r"^condition=(?P<type>[^=]+)(?:=(?P<status>[^=]+))?$")


def wait_for(annotation: str) -> Callable[[Object], Verdict]:
    """Read the annotation into a check; of a list, all must hold.

    Raises:
        PluginError: It is neither a condition nor a JSONPath, or the path cannot be read.
    """
    text = annotation.strip()
    if text.startswith("["):
        try:
            parts = [_one(str(part)) for part in json.loads(text)]
        except ValueError:
            raise _unreadable(annotation) from None
    else:
        parts = [_one(text)]

    def check(obj: Object) -> Verdict:
        return next((verdict for part in parts if (verdict := part(obj)) != READY), READY)

    return check


def _one(text: str) -> Callable[[Object], Verdict]:
    if match := _CONDITION.match(text):
        type_, status = match["type"], match["status"] or "True"

        def by_condition(obj: Object) -> Verdict:
            entry = condition(obj, type_)
            if entry.get("status", "").lower() == status.lower():
                return READY
            return waiting(f"waiting for {type_}={status}" + (f", it has {explained(entry)}" if entry else ""))

        return by_condition
    match = _JSONPATH.match(text)
    if match is None:
        raise _unreadable(text)
    try:
        path = parse("$" + match["path"])
    except Exception as error:  # the parser raises plain exceptions too
        raise PluginError(f"{WAIT_FOR}: {match['path']!r} is no JSONPath: {error}") from None
    value = match["value"]

    def by_path(obj: Object) -> Verdict:
        found = [_text(hit.value) for hit in path.find(obj)]
        if found and (value is None or value in found):
            return READY
        wanted = match["path"] + (f" = {value}" if value is not None else " to exist")
        return waiting(f"waiting for {wanted}" + (f", it is {', '.join(found)}" if found else ""))

    return by_path


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _unreadable(text: str) -> PluginError:
    return PluginError(f"{WAIT_FOR}: cannot read {text!r}; allowed: condition=TYPE[=STATUS], jsonpath={{PATH}}[=VALUE]")
