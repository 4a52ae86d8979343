"""When a Service or a claim is ready: other objects than itself decide."""

from __future__ import annotations

from collections.abc import Callable

from local.plugins.kubernetes.client import ApiError, Client, Object
from local.plugins.kubernetes.waiting.others import claim
from local.plugins.kubernetes.waiting.verdict import READY, Verdict, waiting


def service(client: Client) -> Callable[[Object], Verdict]:
    """Return a check: ready when an endpoint is, unless the Service is not meant to have ready ones.

    Headless Services, ones without a selector and external names are ready at once: workloads wait for those.
    """

    def check(obj: Object) -> Verdict:
        spec, metadata = obj["spec"], obj["metadata"]
        if spec.get("type") == "ExternalName" or not spec.get("selector") or spec.get("clusterIP") == "None":
            return READY
        if spec.get("type") == "LoadBalancer" and not (obj.get("status") or {}).get("loadBalancer", {}).get("ingress"):
            return waiting("no load balancer has an address yet")
        slices = client.get(
            f"/apis/discovery.k8s.io/v1/namespaces/{metadata['namespace']}/endpointslices",
            {"labelSelector": f"kubernetes.io/service-name={metadata['name']}"},
        )
        for entry in slices.get("items", []):
            for endpoint in entry.get("endpoints") or []:
                if (endpoint.get("conditions") or {}).get("ready") is not False:
                    return READY
        return waiting("no pod of its selector is ready")

    return check


def late_claim(client: Client) -> Callable[[Object], Verdict]:
    """Return a check: ready when bound, or when its class binds only for the first pod."""

    def check(obj: Object) -> Verdict:
        verdict = claim(obj)
        name = obj["spec"].get("storageClassName")
        if verdict == READY or not name:
            return verdict
        try:
            mode = client.get(f"/apis/storage.k8s.io/v1/storageclasses/{name}").get("volumeBindingMode")
        except ApiError:
            return verdict
        return READY if mode == "WaitForFirstConsumer" else verdict

    return check
