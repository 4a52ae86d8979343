"""Volumes of pods and their mounts in containers: Secrets, ConfigMaps, claims, tokens, scratch space."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s


@dataclass(frozen=True)
class Token:
    """A ServiceAccount's token for one audience, which the kubelet renews within the hour.

    Attributes:
        audience: Service that accepts the token.
        file: Name of the file.
    """

    audience: str
    file: str

    def volume(self, name: str) -> k8s.core.v1.VolumeArgs:
        """Return a volume called `name` that contains only the token."""
        token = k8s.core.v1.ServiceAccountTokenProjectionArgs(
            audience=self.audience, path=self.file, expiration_seconds=3600
        )
        source = k8s.core.v1.VolumeProjectionArgs(service_account_token=token)
        projected = k8s.core.v1.ProjectedVolumeSourceArgs(sources=[source], default_mode=0o440)
        return k8s.core.v1.VolumeArgs(name=name, projected=projected)


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A volume and its mount in the container; at most one source, scratch space without one.

    Attributes:
        name: Volume name.
        path: Mount path.
        secret: Secret to mount, read-only.
        config_map: ConfigMap to mount, read-only.
        claim: PersistentVolumeClaim, or claim template of the same StatefulSet when it equals `name`.
        token: Token of the pod's ServiceAccount for one audience.
        size_limit: Size limit of scratch space, a Kubernetes quantity.
    """

    name: str
    path: str
    secret: pulumi.Input[str] | None = None
    config_map: pulumi.Input[str] | None = None
    claim: str | None = None
    token: Token | None = None
    size_limit: str = "256Mi"

    def volume(self) -> k8s.core.v1.VolumeArgs | None:
        """Return the pod's volume; None when a StatefulSet's claim template provides it."""
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
