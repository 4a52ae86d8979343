"""Adapts the Kubernetes provider to the library versions of the other tools, and saves three minutes of compile time.

The provider was published for client-go 0.33 and the Pulumi SDK 3.215; two names in those have changed since. From the
Go SDK's package for manifests it calls one function, which yaml/register.go replaces.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import NamedTuple

from artifacts.toolchain.sources import SourceFolder

MODULE = "github.com/pulumi/pulumi-kubernetes/provider/v4"
FOLDER = "provider"
MANIFESTS = "pkg/provider/yaml/v2/yaml.go"
REGISTER = "yaml/register.go"


class Change(NamedTuple):
    """One replacement in a file of the module.

    Attributes:
        path: Path of the file in the module.
        published: Text to replace; must occur exactly once.
        wanted: Replacement.
    """

    path: str
    published: str
    wanted: str


CHANGES = (
    # client-go 0.34 uses version 6 of this module; the package itself is unchanged.
    Change(
        "pkg/await/await.go",
        '"sigs.k8s.io/structured-merge-diff/v4/fieldpath"',
        '"sigs.k8s.io/structured-merge-diff/v6/fieldpath"',
    ),
    # The field is a pointer since SDK 3.250.
    Change("pkg/gen/schema.go", "Provider: pschema.ResourceSpec{", "Provider: &pschema.ResourceSpec{"),
    Change(MANIFESTS, '\tyamlv2 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/yaml/v2"\n', ""),
    Change(MANIFESTS, "yamlv2.RegisterResource(", "registerResource("),
)


def prepare(sources: SourceFolder) -> Mapping[str, str]:
    """Copy the module and make the changes; return module -> folder that replaces it.

    Raises:
        ValueError: The text of a change does not occur exactly once in its file.
    """
    copy = sources.copy(MODULE, FOLDER)
    for change in CHANGES:
        path = copy / change.path
        text = path.read_text()
        if text.count(change.published) != 1:
            raise ValueError(f"{change.path} of {MODULE} must contain {change.published!r} exactly once")
        path.write_text(text.replace(change.published, change.wanted))
    own = sources.tool.folder / REGISTER
    shutil.copyfile(own, (copy / MANIFESTS).with_name(own.name))
    return {MODULE: FOLDER}
