"""Pure functions that change Kubernetes objects given as plain data; they return copies."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from components.kubernetes.kube import Resources

Object = dict[str, Any]
"""A Kubernetes object as plain data; values may be Pulumi inputs."""

Transformation = Callable[[Object], Object | None]
"""Function that returns the changed object, or None to drop it."""

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job")
CLUSTER_SCOPED = (
    "APIService",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "MutatingWebhookConfiguration",
    "Namespace",
    "PriorityClass",
    "RuntimeClass",
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
)

RESTRICTED_POD = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
RESTRICTED_CONTAINER = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "privileged": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
}
"""Container security of Pod Security's `restricted` level, with a read-only root file system."""


def copied(value: Any) -> Any:  # noqa: ANN401 - any JSON value in, the same out
    """Return plain data with all mappings and lists copied; Pulumi inputs inside are shared."""
    if isinstance(value, Mapping):
        return {key: copied(inner) for key, inner in value.items()}
    return [copied(inner) for inner in value] if isinstance(value, list) else value


def apply_all(objects: Iterable[Object], transformations: Sequence[Transformation]) -> list[Object]:
    """Return the objects after every transformation, without those that a transformation dropped."""
    result: list[Object] = []
    for item in objects:
        current: Object | None = item
        for transformation in transformations:
            if current is not None:
                current = transformation(current)
        if current is not None:
            result.append(current)
    return result


def pod_spec(item: Object) -> Object | None:
    """Return the pod spec of a workload, not a copy; None for other kinds."""
    if item["kind"] == "CronJob":
        return item["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return item["spec"]["template"]["spec"] if item["kind"] in WORKLOADS else None


def containers(spec: Object) -> Iterator[Object]:
    """Yield the containers of a pod spec, init containers first."""
    yield from spec.get("initContainers", [])
    yield from spec["containers"]


def _changed_pods(change: Callable[[Object], None]) -> Transformation:
    """Return a transformation that applies `change` to a copy of every pod spec."""

    def transform(item: Object) -> Object:
        if pod_spec(item) is None:
            return item
        result = copied(item)
        spec = pod_spec(result)
        assert spec is not None  # noqa: S101 - the copy is of the same kind
        change(spec)
        return result

    return transform


def named(kind: str, name: str) -> Callable[[Object], bool]:
    """Return a condition that matches the object of this kind and name."""
    return lambda item: item["kind"] == kind and item["metadata"]["name"] == name


def without(*conditions: Callable[[Object], bool]) -> Transformation:
    """Drop the objects that match any of the conditions."""
    return lambda item: None if any(condition(item) for condition in conditions) else item


def where(condition: Callable[[Object], bool], transformation: Transformation) -> Transformation:
    """Apply `transformation` to the objects that match the condition."""
    return lambda item: transformation(item) if condition(item) else item


def with_namespace(namespace: str, cluster_scoped: Collection[str] = CLUSTER_SCOPED) -> Transformation:
    """Put objects that name no namespace into `namespace`, except cluster-scoped kinds."""

    def transform(item: Object) -> Object:
        if item["kind"] in cluster_scoped or item["metadata"].get("namespace"):
            return item
        return {**item, "metadata": {**item["metadata"], "namespace": namespace}}

    return transform


def without_annotations(prefix: str) -> Transformation:
    """Drop the object's own annotations that begin with `prefix`."""

    def transform(item: Object) -> Object:
        annotations = item["metadata"].get("annotations")
        if not annotations:
            return item
        kept = {key: value for key, value in annotations.items() if not key.startswith(prefix)}
        metadata = {key: value for key, value in item["metadata"].items() if key != "annotations"}
        return {**item, "metadata": {**metadata, **({"annotations": kept} if kept else {})}}

    return transform


def repository(image: str) -> str:
    """Return an image reference without tag and digest."""
    path = image.split("@", 1)[0]
    head, slash, tail = path.rpartition("/")
    return head + slash + tail.split(":", 1)[0]


def with_images(images: Mapping[str, str]) -> Transformation:
    """Replace images by repository (`envoyproxy/gateway`); every image must be known.

    Raises:
        KeyError: A container's repository is not in `images`, so its image would be pulled from outside.
    """

    def change(spec: Object) -> None:
        for container in containers(spec):
            found = repository(container["image"])
            if found not in images:
                raise KeyError(f"no image for {container['image']}; known repositories: {', '.join(sorted(images))}")
            container["image"] = images[found]
            container["imagePullPolicy"] = "IfNotPresent"

    return _changed_pods(change)


def requirements(resources: Resources) -> Object:
    """Return a container's `resources` as plain data."""
    return {
        "requests": {"cpu": resources.cpu, "memory": resources.memory},
        "limits": {"cpu": resources.cpu_limit, "memory": resources.memory_limit},
    }


def with_resources(resources: Mapping[str, Resources]) -> Transformation:
    """Set requests and limits of containers by name; other containers keep theirs."""

    def change(spec: Object) -> None:
        for container in containers(spec):
            if container["name"] in resources:
                container["resources"] = requirements(resources[container["name"]])

    return _changed_pods(change)


def with_security_context(*, user: int, group: int | None = None) -> Transformation:
    """Make every pod meet Pod Security's `restricted` level, running as `user` with a read-only root."""

    def change(spec: Object) -> None:
        ids = {"runAsUser": user, "runAsGroup": group or user, "fsGroup": group or user}
        spec["securityContext"] = {**spec.get("securityContext", {}), **RESTRICTED_POD, **ids}
        for container in containers(spec):
            merged = {**container.get("securityContext", {}), **copied(RESTRICTED_CONTAINER)}
            container["securityContext"] = {**merged, "runAsUser": user, "runAsGroup": group or user}

    return _changed_pods(change)


def with_env(container_name: str, env: Mapping[str, Any]) -> Transformation:
    """Set environment variables of one container, replacing those of the same name; values may be Pulumi inputs."""

    def change(spec: Object) -> None:
        for container in containers(spec):
            if container["name"] == container_name:
                kept = [entry for entry in container.get("env", []) if entry["name"] not in env]
                container["env"] = kept + [{"name": name, "value": value} for name, value in sorted(env.items())]

    return _changed_pods(change)


def with_container(container_name: str, fields: Mapping[str, Any]) -> Transformation:
    """Set fields of one container (`command`, `readinessProbe`, ...), replacing their values."""

    def change(spec: Object) -> None:
        for container in containers(spec):
            if container["name"] == container_name:
                container.update(copied(dict(fields)))

    return _changed_pods(change)


def without_container(container_name: str) -> Transformation:
    """Drop one container from every pod."""

    def change(spec: Object) -> None:
        spec["containers"] = [entry for entry in spec["containers"] if entry["name"] != container_name]

    return _changed_pods(change)


def with_pod_annotations(annotations: Mapping[str, str]) -> Transformation:
    """Annotate the pods of Deployments; a changed value causes a rollout."""

    def transform(item: Object) -> Object:
        if item["kind"] != "Deployment":
            return item
        result = copied(item)
        metadata = result["spec"]["template"].setdefault("metadata", {})
        metadata["annotations"] = {**metadata.get("annotations", {}), **annotations}
        return result

    return transform


def with_data(name: str, data: Mapping[str, Any], *, drop: Collection[str] = ()) -> Transformation:
    """Set keys of the ConfigMap called `name`, and drop the keys in `drop`."""

    def transform(item: Object) -> Object:
        kept = {key: value for key, value in (item.get("data") or {}).items() if key not in drop}
        return {**item, "data": {**kept, **data}}

    return where(named("ConfigMap", name), transform)


def with_ca_bundle(bundle: object) -> Transformation:
    """Make the API server trust `bundle` (base64 of PEM, a Pulumi input) when it calls any webhook."""

    def transform(item: Object) -> Object:
        if item["kind"] not in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
            return item
        webhooks = [
            {**webhook, "clientConfig": {**webhook["clientConfig"], "caBundle": bundle}} for webhook in item["webhooks"]
        ]
        return {**item, "webhooks": webhooks}

    return transform
