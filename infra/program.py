"""The program of every stack: settings, substrate, platform, outputs."""

from __future__ import annotations

from dataclasses import asdict

import pulumi

from components import models
from components.kubeflow import names
from components.provider import with_field_manager
from components.substrate import Substrate
from infra import outputs, substrates
from infra.applications import NAMESPACES, applications, urls
from infra.schema import Settings
from infra.settings import from_pulumi


def program() -> None:
    """Declare everything and export the output `platform`.

    Raises:
        UserError: A setting is wrong.
    """
    settings = from_pulumi()
    pulumi.runtime.register_stack_transformation(with_field_manager)
    substrate = substrates.substrate(settings)
    applications(settings, substrate)
    pulumi.export("platform", exported(settings, substrate))


def exported(settings: Settings, substrate: Substrate) -> pulumi.Output[dict[str, object]]:
    """Return the output `platform`."""
    purposes = dict(substrate.object_store.buckets)
    return pulumi.Output.all(**purposes).apply(lambda buckets: document(settings, substrate, buckets))


def document(settings: Settings, substrate: Substrate, buckets: dict[str, str]) -> dict[str, object]:
    """Return the output `platform` for bucket names by purpose."""
    found = urls(substrate.gateway.base_url)
    values = outputs.PlatformOutputs(
        environment=settings.environment,
        kubeconfig=substrates.kubeconfig_path(settings.local) if settings.local else None,
        urls=asdict(found),
        namespaces=NAMESPACES,
        buckets=buckets,
        object_store=outputs.ObjectStoreAddress(
            endpoint=substrate.object_store.endpoint, region=substrate.object_store.region
        ),
        budgets=outputs.Budgets(**settings.budgets.model_dump()),
        images={"job": substrate.images["job"]},
        credentials={
            "mlflow": outputs.SecretReference(namespace=models.NAMESPACE, secret="mlflow-client"),  # noqa: S106 - a name
            "object_store": outputs.SecretReference(namespace=models.NAMESPACE, secret="object-store"),  # noqa: S106
            "pipelines": outputs.SecretReference(namespace=names.NAMESPACE, secret=names.CLIENT_SECRET),
        },
    )
    return values.model_dump(by_alias=True)
