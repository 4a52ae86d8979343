"""What a stack may set: one frozen model, unknown keys refused, rules between fields checked."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from infra import quantities
from infra.aws_schema import Aws
from infra.model import Model, refused

if TYPE_CHECKING:
    from components.kube import Resources
    from components.kubeflow.workflows import RunPolicy

Quantity = Annotated[str, StringConstraints(pattern=quantities.PATTERN)]
Cron = Annotated[str, StringConstraints(pattern=r"^\S+ \S+ \S+ \S+ \S+$")]
Instant = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$")]
Hostname = Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]+(:[0-9]+)?$")]

REDIS_HEADROOM = 0.75
"""Share of Redis' memory limit that data may fill: rewriting the append-only file copies pages meanwhile."""


class Size(Model):
    """Requests and limits of one container."""

    cpu: Quantity = Field(description="CPU request, for example 100m")
    memory: Quantity = Field(description="memory request, for example 256Mi")
    cpu_limit: Quantity = Field(description="CPU limit")
    memory_limit: Quantity = Field(description="memory limit")

    @model_validator(mode="after")
    def _requests_fit(self) -> Size:
        for name, request, limit in (
            ("cpu", self.cpu, self.cpu_limit),
            ("memory", self.memory, self.memory_limit),
        ):
            if quantities.value(request) > quantities.value(limit):
                raise ValueError(f"{name} of at most {name}_limit; {request} is more than {limit}")
        return self

    def resources(self) -> Resources:
        """Return the component's form."""
        from components.kube import Resources

        return Resources(cpu=self.cpu, memory=self.memory, cpu_limit=self.cpu_limit, memory_limit=self.memory_limit)


class Server(Model):
    """A server of the local substrate: its volume and its size."""

    volume: Quantity = Field(description="size of its volume, for example 10Gi; taken when the volume is made")
    size: Size


class RedisServer(Server):
    """Redis of the local substrate."""

    max_memory_mib: int = Field(
        ge=16, description="data it holds before it refuses writes, in MiB; at most 75 % of its memory limit"
    )

    @model_validator(mode="after")
    def _data_fits(self) -> RedisServer:
        most = int(quantities.value(self.size.memory_limit) * REDIS_HEADROOM / 2**20)
        if self.max_memory_mib > most:
            raise ValueError(
                f"max_memory_mib of at most {most}, {REDIS_HEADROOM:.0%} of size.memory_limit"
                f" {self.size.memory_limit}; it is {self.max_memory_mib}"
            )
        return self


class ObjectStoreServer(Server):
    """S3 gateway of the local substrate."""

    cluster_ip: IPv4Address = Field(
        strict=False, description="fixed address inside the cluster's service range; presigned URLs name it"
    )


class Local(Model):
    """The local substrate."""

    kubeconfig: str | None = Field(default=None, description="path; without it, the cluster of this checkout")
    storage_class: str = Field(description="StorageClass of all volumes; taken when a volume is made")
    gateway_cluster_ip: IPv4Address = Field(strict=False, description="fixed address of the Gateway")
    postgres: Server
    mysql: Server
    redis: RedisServer
    object_store: ObjectStoreServer


class Upstream(Model):
    """Where upstream software comes from."""

    mirror: str | None = Field(
        default=None, description="folder or base URL that stands in for the sources of upstream's manifests"
    )


class Gateway(Model):
    """The entrance."""

    replicas: int = Field(default=1, ge=1, le=20, description="Envoys")
    size: Size


class MLflow(Model):
    """Tracking server and registry."""

    replicas: int = Field(ge=1, le=20, description="pods of the server")
    workers: int = Field(ge=1, le=16, description="processes in each pod, about 250 MiB each")
    size: Size
    hosts: tuple[Hostname, ...] = Field(
        default=(), strict=False, description="host names, beside its own, under which clients may call it"
    )


class Materialization(Model):
    """Scheduled materialization."""

    schedule: Cron = Field(description="cron expression, UTC")
    until: Instant | None = Field(default=None, description="instant to materialize up to; each run's own time without")
    size: Size


class Feast(Model):
    """Feature store."""

    replicas: int = Field(ge=1, le=20, description="pods of the feature server")
    workers: int = Field(ge=1, le=16, description="processes in each pod")
    registry_refresh_seconds: int = Field(ge=5, le=3600, description="age at which the registry is read anew")
    size: Size
    materialization: Materialization


class Serving(Model):
    """The serving runtime."""

    size: Size


class Models(Model):
    """Namespace of models and jobs: what containers get that state nothing."""

    defaults: Size


class Runs(Model):
    """Bounds of a pipeline's run."""

    run_seconds: int = Field(ge=60, description="time after which a run fails, waiting included")
    step_seconds: int = Field(ge=60, description="time after which a step fails, waiting included")
    pods_kept_seconds: int = Field(ge=0, description="time that the pods of an ended run stay, for their logs")
    kept_seconds: int = Field(ge=60, description="time that the workflow of an ended run stays")
    parallelism: int = Field(ge=1, le=1000, description="most pods of one run at a time")
    step: Size = Field(description="requests and limits of a step that states none")

    @model_validator(mode="after")
    def _parts_fit(self) -> Runs:
        if self.step_seconds > self.run_seconds:
            raise ValueError(
                f"step_seconds of at most run_seconds; {self.step_seconds} is more than {self.run_seconds}"
            )
        if self.pods_kept_seconds > self.kept_seconds:
            raise ValueError(
                f"pods_kept_seconds of at most kept_seconds; {self.pods_kept_seconds} is more than {self.kept_seconds}"
            )
        return self

    def policy(self) -> RunPolicy:
        """Return the component's form."""
        from components.kubeflow.workflows import RunPolicy

        return RunPolicy(
            run_seconds=self.run_seconds,
            step_seconds=self.step_seconds,
            pods_kept_seconds=self.pods_kept_seconds,
            run_kept_seconds=self.kept_seconds,
            parallelism=self.parallelism,
            step=self.step.resources(),
        )


class Pipelines(Model):
    """Kubeflow Pipelines."""

    replicas: int = Field(ge=1, le=10, description="pods of the API server")
    size: Size = Field(description="of a pod of the API server")
    controller: Size = Field(description="of the workflow controller; its memory grows with the runs it keeps")
    runs: Runs


class Budgets(Model):
    """Latency budgets of serving at the 99th percentile, in milliseconds."""

    feature_ms: float = Field(gt=0, description="fetching features")
    predict_ms: float = Field(gt=0, description="the model's own time")
    total_ms: float = Field(gt=0, description="the whole request, as the client sees it")

    @model_validator(mode="after")
    def _parts_fit(self) -> Budgets:
        for name, part in (("feature_ms", self.feature_ms), ("predict_ms", self.predict_ms)):
            if part > self.total_ms:
                raise ValueError(f"{name} of at most total_ms; {part:g} is more than {self.total_ms:g}")
        return self


class Settings(Model):
    """Everything that differs between stacks."""

    environment: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,19}$")] = Field(
        description="name of the environment; part of every name on AWS"
    )
    substrate: Literal["local", "aws"] = Field(
        description="what the platform runs on; a section of that name describes it"
    )
    registry: str | None = Field(default=None, description="registry and path that all images are pulled from")
    upstream: Upstream = Upstream()
    local: Local | None = None
    aws: Aws | None = None
    gateway: Gateway
    mlflow: MLflow
    feast: Feast
    serving: Serving
    models: Models
    pipelines: Pipelines
    budgets: Budgets

    @model_validator(mode="after")
    def _substrate_is_described(self) -> Settings:
        for name, section in (("local", self.local), ("aws", self.aws)):
            if (self.substrate == name) != (section is not None):
                there = "there is one" if section is not None else "there is none"
                raise ValueError(f"a section `{name}` exactly with substrate: {name}; {there}")
        return self

    @model_validator(mode="after")
    def _production_survives_a_node(self) -> Settings:
        if self.aws is not None and self.aws.tier == "production":
            if self.aws.decommission not in (None, self.environment):
                raise refused("aws.decommission", self.aws.decommission, f"the environment's name, {self.environment}")
            for key, part in (
                ("gateway", self.gateway),
                ("mlflow", self.mlflow),
                ("feast", self.feast),
                ("pipelines", self.pipelines),
            ):
                if part.replicas < 2:
                    raise refused(f"{key}.replicas", part.replicas, "at least 2 in production (aws.tier)")
        return self
