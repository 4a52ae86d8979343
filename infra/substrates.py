"""Declares the substrate that a stack's settings describe."""

from __future__ import annotations

from common.errors import UserError
from components.applications.checks import requested
from components.substrates.contract import Substrate
from infra import image_references
from infra.aws.schema import Aws
from infra.schema import Local, Server, Settings


def substrate(settings: Settings) -> Substrate:
    """Declare the substrate that the settings describe."""
    if settings.aws is not None:
        return _aws(settings, settings.aws)
    if settings.local is not None:
        return _local(settings, settings.local)
    raise UserError("The stack describes no substrate.", allowed="substrate: local or aws, with a section of that name")


def kubeconfig_path(local: Local) -> str:
    """Return the path of the local cluster's kubeconfig: the stack's setting, or that of this checkout's cluster."""
    from common import paths

    return local.kubeconfig or str(paths.KUBECONFIG)


def _local(settings: Settings, local: Local) -> Substrate:
    from components.substrates.local import LocalSubstrate, LocalSubstrateArgs
    from components.substrates.local.policies import refuse_large
    from components.substrates.local.substrate import LocalService, bucket_names

    def sized(server: Server) -> LocalService:
        return LocalService(volume=server.volume, resources=server.size.resources())

    asked = requested(settings.applications, settings.described_teams)
    refuse_large(bucket_names(settings.environment), asked.grants)
    return LocalSubstrate(
        "substrate",
        LocalSubstrateArgs(
            environment=settings.environment,
            kubeconfig=kubeconfig_path(local),
            images=image_references.image_catalog(settings.registry, settings.environment),
            storage_class=local.storage_class,
            gateway_cluster_ip=str(local.gateway_cluster_ip),
            object_store_cluster_ip=str(local.object_store.cluster_ip),
            postgres=sized(local.postgres),
            mysql=sized(local.mysql),
            redis=sized(local.redis),
            redis_max_memory_mib=local.redis.max_memory_mib,
            object_store=sized(local.object_store),
            requests=asked,
        ),
    ).substrate


def _aws(settings: Settings, aws: Aws) -> Substrate:
    from components.substrates.aws import AwsSubstrate
    from infra.aws_substrate import arguments

    return AwsSubstrate("substrate", arguments(settings, aws)).substrate
