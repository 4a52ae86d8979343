"""Makes the Kubernetes provider compile with the libraries of the other tools, and without three minutes of types.

The provider was published for client-go 0.33 and the Pulumi SDK 3.215. What changed in those since is two names. Of the
Go SDK's package for manifests it calls one function; yaml/register.go says what stands in for that.
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
        path: The file.
        published: Text that it holds once.
        wanted: What stands in for it.
    """

    path: str
    published: str
    wanted: str


CHANGES = (
    # client-go 0.34 takes the sets of owned fields from version 6 of this module; the package is the same.
    Change(
        "pkg/await/await.go",
        '"sigs.k8s.io/structured-merge-diff/v4/fieldpath"',
        '"sigs.k8s.io/structured-merge-diff/v6/fieldpath"',
    ),
    # Since 3.250 a schema without a provider can be told from an empty one: the field is a pointer.
    Change("pkg/gen/schema.go", "Provider: pschema.ResourceSpec{", "Provider: &pschema.ResourceSpec{"),
    Change(MANIFESTS, '\tyamlv2 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/yaml/v2"\n', ""),
    Change(MANIFESTS, "yamlv2.RegisterResource(", "registerResource("),
)


def prepare(sources: SourceFolder) -> Mapping[str, str]:
    """Copy the module and make the changes; return what stands in for what.

    Raises:
        ValueError: A file of the module does not hold the text that a change replaces.
    """
    copy = sources.copy(MODULE, FOLDER)
    for change in CHANGES:
        path = copy / change.path
        text = path.read_text()
        if text.count(change.published) != 1:
            raise ValueError(f"{change.path} of {MODULE} does not hold {change.published!r} once: review the change")
        path.write_text(text.replace(change.published, change.wanted))
    own = sources.tool.folder / REGISTER
    shutil.copyfile(own, (copy / MANIFESTS).with_name(own.name))
    return {MODULE: FOLDER}
