"""Description of KServe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.applications.description import Address, Application, UserObjects
from components.applications.kserve.names import NAMESPACE
from components.applications.kserve.settings import KServeSection

if TYPE_CHECKING:
    from components.applications.description import Context
    from components.applications.kserve.component import KServe


def declare(context: Context, settings: KServeSection) -> KServe:
    """Declare the component."""
    from components.applications.kserve.component import declare as declared

    return declared(context, settings)


KSERVE = Application(
    name="kserve",
    title="KServe: the controller of InferenceServices, and the runtime that serves models",
    namespace=NAMESPACE,
    settings=KServeSection,
    declare=declare,
    requires=("gateway", "models"),
    images=("kserve-controller", "serving", "storage-initializer"),
    manifests=("kserve",),
    # Each deployment creates its own route, because it sets the weights of the canary.
    addresses={"serving": Address(path="/serving", health="/{object}/v2/health/ready")},
    user_objects=(
        UserObjects(
            group="serving.kserve.io",
            version="v1beta1",
            plural="inferenceservices",
            controller="the KServe controller",
        ),
    ),
    checks=("serving-correctness", "serving-latency"),
)
