"""Pods with one container: environment, ports, probes and volumes, under one security context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_kubernetes as k8s

from components.kubernetes import kube
from components.kubernetes.volumes import Mount


@dataclass(frozen=True, kw_only=True)
class Probes:
    """Probes of one container.

    Attributes:
        path: Path of an HTTP GET on `port`; None selects a TCP connect, unless `command` or `grpc` is set.
        port: Number of the container's port.
        command: Command that exits 0 when the container is healthy; replaces HTTP and TCP.
        grpc: Whether to ask gRPC's health service on `port`.
        start_seconds: Time limit of the first success.
        timeout_seconds: Time limit of one probe.
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
        """Return the startup probe: every second, so that a rollout ends early, for up to `start_seconds`."""
        return self._probe(1, self.start_seconds)

    def readiness(self) -> k8s.core.v1.ProbeArgs:
        """Return the readiness probe: every 5 s, so that traffic returns soon after an outage."""
        return self._probe(5, 2)

    def liveness(self) -> k8s.core.v1.ProbeArgs:
        """Return the liveness probe: restart a container that has not recovered within a minute."""
        return self._probe(20, 3)


@dataclass(frozen=True, kw_only=True)
class Container:
    """One container.

    Attributes:
        name: Container name.
        image: Image reference.
        resources: Requests and limits.
        command: Entry point; the image's own when None.
        args: Arguments.
        env: Variables that are not secret.
        field_env: Variables from fields of the pod: variable to field path (`metadata.name`).
        secret_env: Variables from a Secret: variable to (Secret, key).
        env_from_secrets: Secrets whose every key becomes a variable.
        env_from_config_maps: ConfigMaps whose every key becomes a variable.
        ports: Port number by name.
        probes: Probes; None only for a container that runs to completion.
        mounts: Volumes of the container.
    """

    name: str
    image: pulumi.Input[str]
    resources: kube.Resources
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
        """Return the container with the security context that all containers share."""
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
            security_context=kube.container_security(),
            startup_probe=self.probes.startup() if self.probes else None,
            readiness_probe=self.probes.readiness() if self.probes else None,
            liveness_probe=self.probes.liveness() if self.probes else None,
            volume_mounts=[mount.mount() for mount in self.mounts] or None,
        )


def pod(
    container: Container,
    *,
    before: Container | None = None,
    service_account: pulumi.Input[str],
    application: str,
    component: str | None = None,
    uid: int = kube.APP_UID,
    annotations: Mapping[str, pulumi.Input[str]] | None = None,
    restart_policy: Literal["Always", "OnFailure", "Never"] = "Always",
    grace_seconds: int = 30,
    kubernetes_token: bool = False,
) -> k8s.core.v1.PodTemplateSpecArgs:
    """Return a pod template of one container that runs as `uid`, without a Kubernetes token unless requested.

    `before` runs to completion first, each time the pod starts, and shares the volumes of `container`.
    """
    volumes = [volume for mount in container.mounts if (volume := mount.volume()) is not None]
    return k8s.core.v1.PodTemplateSpecArgs(
        metadata=k8s.meta.v1.ObjectMetaArgs(
            labels=kube.labels(application, component), annotations=annotations or None
        ),
        spec=k8s.core.v1.PodSpecArgs(
            service_account_name=service_account,
            automount_service_account_token=kubernetes_token,
            enable_service_links=False,
            security_context=kube.pod_security(uid),
            init_containers=[before.render()] if before else None,
            containers=[container.render()],
            volumes=volumes or None,
            restart_policy=restart_policy,
            termination_grace_period_seconds=grace_seconds,
        ),
    )
