"""What every pod of the platform has in common, written once: identity, security, resources, probes, names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_kubernetes as k8s

APP_UID = 10001
"""User and group of our images, and the file system group of their volumes."""

PodSecurityLevel = Literal["restricted", "baseline", "privileged"]


@dataclass(frozen=True, kw_only=True)
class Resources:
    """Requests and limits of one container, as Kubernetes quantities.

    Attributes:
        cpu: CPU request; never zero, because best-effort pods starve beside a busy one.
        memory: Memory request.
        cpu_limit: CPU limit.
        memory_limit: Memory limit.
    """

    cpu: str
    memory: str
    cpu_limit: str
    memory_limit: str

    def requirements(self) -> k8s.core.v1.ResourceRequirementsArgs:
        """Return the container's `resources`."""
        return k8s.core.v1.ResourceRequirementsArgs(
            requests={"cpu": self.cpu, "memory": self.memory},
            limits={"cpu": self.cpu_limit, "memory": self.memory_limit},
        )


def labels(application: str, component: str | None = None) -> dict[str, str]:
    """Return the recommended labels; they select the pods of `component` of `application` and nothing else."""
    return {
        "app.kubernetes.io/name": application,
        "app.kubernetes.io/component": component or application,
        "app.kubernetes.io/part-of": "mlplatform",
    }


def metadata(
    name: str,
    namespace: pulumi.Input[str],
    application: str,
    component: str | None = None,
    annotations: Mapping[str, pulumi.Input[str]] | None = None,
) -> k8s.meta.v1.ObjectMetaArgs:
    """Return metadata with an explicit name, so that previews and a second run name the same object."""
    return k8s.meta.v1.ObjectMetaArgs(
        name=name, namespace=namespace, labels=labels(application, component), annotations=annotations or None
    )


def pod_security(uid: int = APP_UID) -> k8s.core.v1.PodSecurityContextArgs:
    """Return a pod security context that Pod Security's `restricted` level accepts."""
    return k8s.core.v1.PodSecurityContextArgs(
        run_as_non_root=True,
        run_as_user=uid,
        run_as_group=uid,
        fs_group=uid,
        fs_group_change_policy="OnRootMismatch",
        seccomp_profile=k8s.core.v1.SeccompProfileArgs(type="RuntimeDefault"),
    )


def container_security() -> k8s.core.v1.SecurityContextArgs:
    """Return a container security context: read-only root, no capability, no way to gain one."""
    return k8s.core.v1.SecurityContextArgs(
        allow_privilege_escalation=False,
        privileged=False,
        read_only_root_filesystem=True,
        run_as_non_root=True,
        capabilities=k8s.core.v1.CapabilitiesArgs(drop=["ALL"]),
    )


@dataclass(frozen=True)
class Token:
    """A ServiceAccount's token for one audience, renewed by the kubelet within the hour.

    Attributes:
        audience: Who accepts it.
        file: Name of the file.
    """

    audience: str
    file: str

    def volume(self, name: str) -> k8s.core.v1.VolumeArgs:
        """Return the volume called `name` with nothing but the token in it."""
        token = k8s.core.v1.ServiceAccountTokenProjectionArgs(
            audience=self.audience, path=self.file, expiration_seconds=3600
        )
        source = k8s.core.v1.VolumeProjectionArgs(service_account_token=token)
        projected = k8s.core.v1.ProjectedVolumeSourceArgs(sources=[source], default_mode=0o440)
        return k8s.core.v1.VolumeArgs(name=name, projected=projected)


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A volume and where the container sees it; exactly one source, or none for scratch space.

    Attributes:
        name: Volume name.
        path: Mount path.
        secret: Secret to mount, read-only.
        config_map: ConfigMap to mount, read-only.
        claim: PersistentVolumeClaim, or claim template of the same StatefulSet when it equals `name`.
        token: Token of the pod's ServiceAccount for one audience.
        size_limit: Bound of scratch space, a Kubernetes quantity.
    """

    name: str
    path: str
    secret: pulumi.Input[str] | None = None
    config_map: pulumi.Input[str] | None = None
    claim: str | None = None
    token: Token | None = None
    size_limit: str = "256Mi"

    def volume(self) -> k8s.core.v1.VolumeArgs | None:
        """Return the pod's volume; None when a StatefulSet's claim template supplies it."""
        if self.secret is not None:
            source = k8s.core.v1.SecretVolumeSourceArgs(secret_name=self.secret, default_mode=0o440)
            return k8s.core.v1.VolumeArgs(name=self.name, secret=source)
        if self.config_map is not None:
            config = k8s.core.v1.ConfigMapVolumeSourceArgs(name=self.config_map, default_mode=0o444)
            return k8s.core.v1.VolumeArgs(name=self.name, config_map=config)
        if self.token is not None:
            return self.token.volume(self.name)
        if self.claim == self.name:
            return None
        if self.claim is not None:
            claim = k8s.core.v1.PersistentVolumeClaimVolumeSourceArgs(claim_name=self.claim)
            return k8s.core.v1.VolumeArgs(name=self.name, persistent_volume_claim=claim)
        scratch = k8s.core.v1.EmptyDirVolumeSourceArgs(size_limit=self.size_limit)
        return k8s.core.v1.VolumeArgs(name=self.name, empty_dir=scratch)

    def mount(self) -> k8s.core.v1.VolumeMountArgs:
        """Return the container's mount."""
        read_only = any(source is not None for source in (self.secret, self.config_map, self.token))
        return k8s.core.v1.VolumeMountArgs(name=self.name, mount_path=self.path, read_only=read_only)


@dataclass(frozen=True, kw_only=True)
class Probes:
    """Probes of one container.

    Attributes:
        path: Path of an HTTP GET on `port`; None for a TCP connect, unless `command` or `grpc` is given.
        port: Number of the container's port.
        command: Command that exits 0 when healthy, instead of HTTP or TCP.
        grpc: Whether to ask gRPC's health service on `port`.
        start_seconds: Time that the first success may take.
        timeout_seconds: Time that one probe may take.
    """

    port: int
    path: str | None = None
    command: Sequence[str] | None = None
    grpc: bool = False
    start_seconds: int = 120
    timeout_seconds: int = 5

    def _probe(self, period: int, failures: int) -> k8s.core.v1.ProbeArgs:
        probe = k8s.core.v1.ProbeArgs(
            period_seconds=period, failure_threshold=failures, timeout_seconds=self.timeout_seconds
        )
        if self.command is not None:
            probe.exec_ = k8s.core.v1.ExecActionArgs(command=list(self.command))
        elif self.grpc:
            probe.grpc = k8s.core.v1.GRPCActionArgs(port=self.port)
        elif self.path is not None:
            probe.http_get = k8s.core.v1.HTTPGetActionArgs(path=self.path, port=self.port)
        else:
            probe.tcp_socket = k8s.core.v1.TCPSocketActionArgs(port=self.port)
        return probe

    def startup(self) -> k8s.core.v1.ProbeArgs:
        """Return the startup probe: quick, so that a rollout is seen at once, and patient."""
        return self._probe(1, self.start_seconds)

    def readiness(self) -> k8s.core.v1.ProbeArgs:
        """Return the readiness probe: recovery from an outage is seen within its 5 s."""
        return self._probe(5, 2)

    def liveness(self) -> k8s.core.v1.ProbeArgs:
        """Return the liveness probe: only what does not mend itself within a minute is restarted."""
        return self._probe(20, 3)


@dataclass(frozen=True, kw_only=True)
class Container:
    """One container.

    Attributes:
        name: Container name.
        image: Image reference.
        resources: Requests and limits.
        command: Entry point, the image's own when None.
        args: Arguments.
        env: Variables that are no secrets.
        field_env: Variables taken from the pod itself: name to a field's path (`metadata.name`).
        secret_env: Variables taken from a Secret: name to (Secret, key).
        env_from_secrets: Secrets whose every key becomes a variable.
        env_from_config_maps: ConfigMaps whose every key becomes a variable.
        ports: Port number by name.
        probes: Probes; None only for what runs to completion.
        mounts: Volumes of the container.
    """

    name: str
    image: pulumi.Input[str]
    resources: Resources
    command: Sequence[pulumi.Input[str]] | None = None
    args: Sequence[pulumi.Input[str]] | None = None
    env: Mapping[str, pulumi.Input[str]] | None = None
    field_env: Mapping[str, str] | None = None
    secret_env: Mapping[str, tuple[pulumi.Input[str], str]] | None = None
    env_from_secrets: Sequence[pulumi.Input[str]] = ()
    env_from_config_maps: Sequence[pulumi.Input[str]] = ()
    ports: Mapping[str, int] | None = None
    probes: Probes | None = None
    mounts: Sequence[Mount] = ()

    def render(self) -> k8s.core.v1.ContainerArgs:
        """Return the container with the security context that all share."""
        env = [k8s.core.v1.EnvVarArgs(name=name, value=value) for name, value in sorted((self.env or {}).items())]
        for name, path in sorted((self.field_env or {}).items()):
            source = k8s.core.v1.EnvVarSourceArgs(field_ref=k8s.core.v1.ObjectFieldSelectorArgs(field_path=path))
            env.append(k8s.core.v1.EnvVarArgs(name=name, value_from=source))
        for name, (secret, key) in sorted((self.secret_env or {}).items(), key=lambda item: item[0]):
            selector = k8s.core.v1.SecretKeySelectorArgs(name=secret, key=key)
            source = k8s.core.v1.EnvVarSourceArgs(secret_key_ref=selector)
            env.append(k8s.core.v1.EnvVarArgs(name=name, value_from=source))
        sources = [
            k8s.core.v1.EnvFromSourceArgs(secret_ref=k8s.core.v1.SecretEnvSourceArgs(name=name))
            for name in self.env_from_secrets
        ]
        sources += [
            k8s.core.v1.EnvFromSourceArgs(config_map_ref=k8s.core.v1.ConfigMapEnvSourceArgs(name=name))
            for name in self.env_from_config_maps
        ]
        return k8s.core.v1.ContainerArgs(
            name=self.name,
            image=self.image,
            image_pull_policy="IfNotPresent",
            command=list(self.command) if self.command is not None else None,
            args=list(self.args) if self.args is not None else None,
            env=env or None,
            env_from=sources or None,
            ports=[
                k8s.core.v1.ContainerPortArgs(name=name, container_port=number)
                for name, number in (self.ports or {}).items()
            ]
            or None,
            resources=self.resources.requirements(),
            security_context=container_security(),
            startup_probe=self.probes.startup() if self.probes else None,
            readiness_probe=self.probes.readiness() if self.probes else None,
            liveness_probe=self.probes.liveness() if self.probes else None,
            volume_mounts=[mount.mount() for mount in self.mounts] or None,
        )


def secrets_digest(*values: pulumi.Input[str]) -> dict[str, pulumi.Output[str]]:
    """Return a pod annotation that changes with any of the random `values`, so that pods start anew on a rotation.

    64 bits of a SHA-256 say nothing about a random password of 190 bits, so the annotation itself is no secret.
    """
    hashed = pulumi.Output.all(*values).apply(lambda known: digest(list(known), 16))
    return {"mlplatform/secrets": pulumi.Output.unsecret(hashed)}


def pod(
    container: Container,
    *,
    before: Container | None = None,
    service_account: pulumi.Input[str],
    application: str,
    component: str | None = None,
    uid: int = APP_UID,
    annotations: Mapping[str, pulumi.Input[str]] | None = None,
    restart_policy: Literal["Always", "OnFailure", "Never"] = "Always",
    grace_seconds: int = 30,
    kubernetes_token: bool = False,
) -> k8s.core.v1.PodTemplateSpecArgs:
    """Return a pod template of one container that runs as `uid`, without a Kubernetes token unless it is asked for.

    `before` runs to its end first, each time the pod starts; its volumes are among those of `container`.
    """
    volumes = [volume for mount in container.mounts if (volume := mount.volume()) is not None]
    return k8s.core.v1.PodTemplateSpecArgs(
        metadata=k8s.meta.v1.ObjectMetaArgs(labels=labels(application, component), annotations=annotations or None),
        spec=k8s.core.v1.PodSpecArgs(
            service_account_name=service_account,
            automount_service_account_token=kubernetes_token,
            enable_service_links=False,
            security_context=pod_security(uid),
            init_containers=[before.render()] if before else None,
            containers=[container.render()],
            volumes=volumes or None,
            restart_policy=restart_policy,
            termination_grace_period_seconds=grace_seconds,
        ),
    )


def selector(application: str, component: str | None = None) -> k8s.meta.v1.LabelSelectorArgs:
    """Return the selector of the pods of `component` of `application`."""
    return k8s.meta.v1.LabelSelectorArgs(match_labels=labels(application, component))


def digest(value: object, length: int = 10) -> str:
    """Return the first hex digits of the SHA-256 of `value` as canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:length]
