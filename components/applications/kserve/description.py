"""Description of KServe."""

from __future__ import annotations

from components.applications.description import Address, Application, UserObjects
from components.applications.kserve.names import NAMESPACE
from components.applications.kserve.settings import KServeSection
from components.teams.team import TeamGrant

KSERVE = Application(
    name="kserve",
    title="KServe: the controller of InferenceServices, and the runtime that serves models",
    namespace=NAMESPACE,
    settings=KServeSection,
    requires=("gateway", "mlflow", "feast"),
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
    team_grants=(TeamGrant(identity="serving", read_only=("models",)),),
)
