"""Kubernetes resources that several applications declare in the same way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random

from components.kubernetes import kube, pod_security

JOB_TIMEOUT = "5m"
JOB_RETRIES = 10_000
"""More than any outage has minutes; Kubernetes waits up to five minutes between two tries."""


def with_dependencies(opts: pulumi.ResourceOptions, requires: Sequence[pulumi.Resource]) -> pulumi.ResourceOptions:
    """Return `opts` with additional dependencies."""
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=list(requires)))


def password(name: str, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """Declare a random password of 32 letters and digits, safe in URLs and configuration files; a secret.

    It uses another provider than the component's, so only the parent of `opts` counts.
    """
    return random.RandomPassword(
        name, length=32, special=False, opts=pulumi.ResourceOptions(parent=opts.parent, depends_on=None)
    ).result


def namespace(
    name: str, opts: pulumi.ResourceOptions, level: kube.PodSecurityLevel = "restricted"
) -> k8s.core.v1.Namespace:
    """Declare a namespace that enforces a Pod Security level."""
    return k8s.core.v1.Namespace(
        name,
        metadata=k8s.meta.v1.ObjectMetaArgs(
            name=name,
            labels={
                "app.kubernetes.io/part-of": "mlplatform",
                "pod-security.kubernetes.io/enforce": level,
                "pod-security.kubernetes.io/enforce-version": pod_security.VERSION,
            },
        ),
        opts=opts,
    )


@dataclass(frozen=True)
class Namespace:
    """A namespace that the program declares.

    Attributes:
        name: Its name, known while the program runs.
        resource: The Namespace, on which its contents depend.
    """

    name: str
    resource: pulumi.Resource


def restricted_namespace(name: str, opts: pulumi.ResourceOptions) -> Namespace:
    """Declare a namespace for the platform's own pods, with Pod Security's `restricted` level."""
    return Namespace(name, namespace(name, opts))


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Application and namespace of some resources; its methods declare resources there.

    Attributes:
        application: Value of the label `app.kubernetes.io/name`.
        namespace: Namespace of every resource.
        base: Parent and provider of every resource.
        prefix: Beginning of the resource names of Secrets and ConfigMaps, where several namespaces have objects of the
            same name.
    """

    application: str
    namespace: Namespace
    base: pulumi.ResourceOptions
    prefix: str = ""

    @property
    def opts(self) -> pulumi.ResourceOptions:
        """Options of every resource: the base, and a dependency on the namespace."""
        return with_dependencies(self.base, [self.namespace.resource])

    def metadata(
        self, name: str, component: str | None = None, annotations: Mapping[str, pulumi.Input[str]] | None = None
    ) -> k8s.meta.v1.ObjectMetaArgs:
        """Return the metadata of a resource of the application."""
        return kube.metadata(name, self.namespace.name, self.application, component, annotations)

    def service_account(self, name: str, secrets: Sequence[pulumi.Input[str]] = ()) -> k8s.core.v1.ServiceAccount:
        """Declare a ServiceAccount with `secrets` attached; pods get its token only if they request it."""
        return k8s.core.v1.ServiceAccount(
            f"{self.application}-{name}" if name != self.application else name,
            metadata=self.metadata(name),
            automount_service_account_token=False,
            secrets=[k8s.core.v1.ObjectReferenceArgs(name=secret) for secret in secrets] or None,
            opts=self.opts,
        )

    def secret(
        self,
        name: str,
        data: Mapping[str, pulumi.Input[str]],
        *,
        resource: str | None = None,
        annotations: Mapping[str, pulumi.Input[str]] | None = None,
        requires: Sequence[pulumi.Resource] = (),
    ) -> k8s.core.v1.Secret:
        """Declare a Secret; its values are also secrets of the stack."""
        return k8s.core.v1.Secret(
            resource or self.prefix + name,
            metadata=self.metadata(name, annotations=annotations),
            # The provider treats an empty mapping as absent, and would report it missing at every update.
            string_data={key: pulumi.Output.secret(value) for key, value in data.items()} or None,
            opts=with_dependencies(self.opts, requires),
        )

    def config_map(self, name: str, data: Mapping[str, pulumi.Input[str]]) -> k8s.core.v1.ConfigMap:
        """Declare a ConfigMap."""
        return k8s.core.v1.ConfigMap(
            self.prefix + name, metadata=self.metadata(name), data=dict(data) or None, opts=self.opts
        )

    def service(self, port: int, *, protocol: str = "http", cluster_ip: str | None = None) -> k8s.core.v1.Service:
        """Declare the Service of the application's one port, with the application's name.

        `cluster_ip` fixes its address; None lets the cluster choose.

        The update waits for the workload, not for its Service; waiting for both would hide which of them failed.
        """
        return k8s.core.v1.Service(
            self.application,
            metadata=self.metadata(self.application, annotations={"pulumi.com/skipAwait": "true"}),
            spec=k8s.core.v1.ServiceSpecArgs(
                type="ClusterIP",
                cluster_ip=cluster_ip,
                selector=kube.labels(self.application),
                ports=[k8s.core.v1.ServicePortArgs(name=protocol, port=port, target_port=port)],
            ),
            opts=self.opts,
        )

    def deployment(
        self,
        replicas: int,
        template: k8s.core.v1.PodTemplateSpecArgs,
        requires: Sequence[pulumi.Resource] = (),
    ) -> k8s.apps.v1.Deployment:
        """Declare a Deployment, which keeps its old pods until the new ones are ready, and its PodDisruptionBudget."""
        if replicas > 1:
            k8s.policy.v1.PodDisruptionBudget(
                self.application,
                metadata=self.metadata(self.application),
                spec=k8s.policy.v1.PodDisruptionBudgetSpecArgs(
                    max_unavailable=1, selector=kube.selector(self.application)
                ),
                opts=self.opts,
            )
        return k8s.apps.v1.Deployment(
            self.application,
            metadata=self.metadata(self.application),
            spec=k8s.apps.v1.DeploymentSpecArgs(
                replicas=replicas,
                selector=kube.selector(self.application),
                template=template,
                strategy=k8s.apps.v1.DeploymentStrategyArgs(
                    type="RollingUpdate",
                    rolling_update=k8s.apps.v1.RollingUpdateDeploymentArgs(max_surge=1, max_unavailable=0),
                ),
                progress_deadline_seconds=600,
                revision_history_limit=3,
            ),
            opts=with_dependencies(self.opts, requires),
        )

    def stateful_set(
        self,
        template: k8s.core.v1.PodTemplateSpecArgs,
        *,
        volume: str,
        storage_class: str,
        size: str,
        requires: Sequence[pulumi.Resource] = (),
    ) -> k8s.apps.v1.StatefulSet:
        """Declare a StatefulSet of one pod with one volume of `size` (a Kubernetes quantity).

        Size and storage class apply when the volume is created. Kubernetes refuses to change them in a StatefulSet, and
        replacing it would restart the server and leave the volume unchanged.
        """
        claim = k8s.core.v1.PersistentVolumeClaimArgs(
            metadata=k8s.meta.v1.ObjectMetaArgs(name=volume),
            spec=k8s.core.v1.PersistentVolumeClaimSpecArgs(
                access_modes=["ReadWriteOnce"],
                storage_class_name=storage_class,
                resources=k8s.core.v1.VolumeResourceRequirementsArgs(requests={"storage": size}),
            ),
        )
        return k8s.apps.v1.StatefulSet(
            self.application,
            metadata=self.metadata(self.application),
            spec=k8s.apps.v1.StatefulSetSpecArgs(
                service_name=self.application,
                replicas=1,
                selector=kube.selector(self.application),
                template=template,
                volume_claim_templates=[claim],
                revision_history_limit=3,
            ),
            opts=pulumi.ResourceOptions.merge(
                with_dependencies(self.opts, requires),
                pulumi.ResourceOptions(ignore_changes=["spec.volumeClaimTemplates"]),
            ),
        )

    def job(
        self,
        component: str,
        template: k8s.core.v1.PodTemplateSpecArgs,
        *,
        key: object,
        requires: Sequence[pulumi.Resource] = (),
    ) -> k8s.batch.v1.Job:
        """Declare a Job that runs once for each `key`: its name ends in the digest of `key`, so a new key is a new Job.

        The Job retries without a limit. A Job that failed permanently would fail every later update too, while one that
        keeps trying succeeds as soon as the missing dependency exists. The update stops waiting after JOB_TIMEOUT.
        """
        return k8s.batch.v1.Job(
            f"{self.application}-{component}",
            metadata=self.metadata(f"{self.application}-{component}-{kube.digest(key)}", component),
            spec=k8s.batch.v1.JobSpecArgs(template=template, backoff_limit=JOB_RETRIES),
            opts=pulumi.ResourceOptions.merge(
                with_dependencies(self.opts, requires),
                pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create=JOB_TIMEOUT, update=JOB_TIMEOUT)),
            ),
        )

    def cron_job(
        self,
        component: str,
        template: k8s.core.v1.PodTemplateSpecArgs,
        *,
        schedule: str,
        deadline_seconds: int = 1800,
    ) -> k8s.batch.v1.CronJob:
        """Declare a CronJob in UTC that never runs twice at a time and keeps one failed and one finished Job."""
        return k8s.batch.v1.CronJob(
            f"{self.application}-{component}",
            metadata=self.metadata(f"{self.application}-{component}", component),
            spec=k8s.batch.v1.CronJobSpecArgs(
                schedule=schedule,
                time_zone="Etc/UTC",
                concurrency_policy="Forbid",
                starting_deadline_seconds=300,
                successful_jobs_history_limit=1,
                failed_jobs_history_limit=1,
                job_template=k8s.batch.v1.JobTemplateSpecArgs(
                    spec=k8s.batch.v1.JobSpecArgs(
                        template=template, backoff_limit=1, active_deadline_seconds=deadline_seconds
                    )
                ),
            ),
            opts=self.opts,
        )
