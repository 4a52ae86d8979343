"""Test the provider of Kubernetes objects and their field manager."""

from __future__ import annotations

from typing import Any

import pulumi_kubernetes as k8s
import pytest
from stack_programs import STACKS, made

from components.kubernetes.provider import FIELD_MANAGER, MANAGER_ANNOTATION, owned

IN_CLUSTER = "kubernetes:"


@pytest.mark.parametrize("stack", STACKS)
def test_every_object_of_a_stack_names_its_field_manager(stack: str) -> None:
    """After a kill between creating and recording an object, the next update then has no field conflict."""
    objects = {key: inputs for key, inputs in made(stack).resources.items() if key[0].startswith(IN_CLUSTER)}
    assert len(objects) > 100
    for key, inputs in objects.items():
        assert inputs["metadata"]["annotations"][MANAGER_ANNOTATION] == FIELD_MANAGER, key


@pytest.mark.parametrize("stack", STACKS)
def test_every_object_of_a_stack_has_a_name_of_its_own(stack: str) -> None:
    """A name that the provider generates would differ after a kill, and the object would exist twice."""
    for key, inputs in made(stack).resources.items():
        if key[0].startswith(IN_CLUSTER):
            assert inputs["metadata"]["name"], key


@pytest.mark.parametrize("stack", STACKS)
def test_changed_data_changes_objects_in_place(stack: str) -> None:
    [provider] = [inputs for key, inputs in made(stack).resources.items() if key[0] == "pulumi:providers:kubernetes"]
    for setting in ("enableConfigMapMutable", "enableSecretMutable", "enableServerSideApply"):
        assert provider[setting] == "true"
    assert provider["clusterIdentifier"]


@pytest.mark.parametrize(
    "metadata",
    [
        {"name": "it", "annotations": {"theirs": "kept"}},
        k8s.meta.v1.ObjectMetaArgs(name="it", annotations={"theirs": "kept"}),
    ],
)
def test_annotations_are_kept_and_the_argument_is_not_changed(metadata: Any) -> None:
    changed = owned(metadata)
    seen = changed["annotations"] if isinstance(changed, dict) else changed.annotations
    assert seen == {"theirs": "kept", MANAGER_ANNOTATION: FIELD_MANAGER}
    before = metadata["annotations"] if isinstance(metadata, dict) else metadata.annotations
    assert before == {"theirs": "kept"}
