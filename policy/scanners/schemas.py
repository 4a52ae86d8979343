"""Builds JSON schemas for kubeconform from an API server's OpenAPI document and from CustomResourceDefinitions.

kubeconform reads one file for each kind. The schemas refuse unknown fields, as server-side apply does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from policy.model import Data

REFERENCE = "#/definitions/"
LOCATION = "{{ .ResourceKind }}_{{ .Group }}_{{ .ResourceAPIVersion }}.json"
"""Template of kubeconform for the name of a kind's file."""

SCALARS = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"type": ["string", "integer"]},
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": ["string", "number"]},
}
"""Types that the document describes as strings although numbers are valid too."""

OPEN = "x-kubernetes-preserve-unknown-fields"
EITHER = "x-kubernetes-int-or-string"


def file_name(group: str, version: str, kind: str) -> str:
    """Return the name of a kind's file; for the core group kubeconform uses the version as the group."""
    return f"{kind.lower()}_{group or version}_{version}.json"


def closed(schema: Data) -> Data:
    """Return a schema that refuses unknown fields, in the dialect of JSON Schema.

    Schemas below anyOf, oneOf, allOf and not stay open: they only constrain fields that are described elsewhere.
    """
    if not isinstance(schema, Mapping):
        return schema
    made = {key: value for key, value in schema.items() if not key.startswith("x-kubernetes-") and key != "nullable"}
    if schema.get(EITHER):
        return {**{key: value for key, value in made.items() if key != "anyOf"}, "type": ["string", "integer"]}
    if "properties" in made:
        made["properties"] = {key: closed(value) for key, value in made["properties"].items()}
        if "additionalProperties" not in made and not schema.get(OPEN):
            made["additionalProperties"] = False
    for key in ("items", "additionalProperties"):
        if key in made:
            made[key] = closed(made[key])
    if schema.get("nullable") and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    return made


def of_openapi(document: Data) -> dict[str, Data]:
    """Return the schema files of the kinds in an API server's `/openapi/v2`."""
    definitions = {name: SCALARS.get(name) or closed(item) for name, item in document["definitions"].items()}
    files: dict[str, Data] = {}
    for name, item in document["definitions"].items():
        kinds = item.get("x-kubernetes-group-version-kind", [])
        if len(kinds) != 1:  # types such as DeleteOptions, which belong to every group
            continue
        schema = {"$ref": f"{REFERENCE}{name}", "definitions": closure(name, definitions)}
        files[file_name(kinds[0]["group"], kinds[0]["version"], kinds[0]["kind"])] = schema
    return files


def closure(name: str, definitions: Mapping[str, Data]) -> dict[str, Data]:
    """Return a definition with all definitions that it refers to, so that each file is small."""
    found: dict[str, Data] = {}
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found[current] = definitions[current]
            waiting += references(definitions[current])
    return found


def references(schema: Data) -> list[str]:
    """Return the names of the definitions that a schema references."""
    if isinstance(schema, Mapping):
        own = schema.get("$ref")
        below = [name for value in schema.values() for name in references(value)]
        return [*below, own.removeprefix(REFERENCE)] if isinstance(own, str) else below
    return [name for value in schema for name in references(value)] if isinstance(schema, list) else []


def of_crds(crds: Iterable[Data]) -> dict[str, Data]:
    """Return the schema files of the kinds in CustomResourceDefinitions."""
    files: dict[str, Data] = {}
    for crd in crds:
        spec = crd["spec"]
        for version in spec["versions"]:
            schema = version["schema"]["openAPIV3Schema"]
            common = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
            made = closed({**schema, "properties": {**schema.get("properties", {}), **common}})
            files[file_name(spec["group"], version["name"], spec["names"]["kind"])] = made
    return files


def write(files: Mapping[str, Data], folder: Path) -> Path:
    """Write the files into a folder and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in files.items():
        (folder / name).write_text(json.dumps(schema))
    return folder
