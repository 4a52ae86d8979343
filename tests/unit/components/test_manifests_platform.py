"""Test what the Gateway and KServe declare from the rendered manifests, and the rules of all their pods."""

from __future__ import annotations

import copy
import datetime
import json
from typing import Any, cast

import pulumi
import pulumi_kubernetes as k8s
import pytest
from cryptography import x509

from artifacts import manifests
from components.applications.description import Route
from components.applications.gateway import envoy
from components.applications.gateway.component import Gateway, GatewayArgs
from components.applications.gateway.route import GatewayRouteArgs, http_route
from components.applications.kserve import serving_runtime
from components.applications.kserve.component import WEBHOOK_NAMES, KServe, KServeArgs
from components.kubernetes import certificates
from components.substrates.contract import GatewayExposure, ObjectStore, Redis, StorageClasses, Substrate
from tests.unit.declared import IMAGES, SMALL, Declared, declare, is_secret, unwrap

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def substrate() -> Substrate:
    return Substrate(
        environment="local",
        kubernetes=k8s.Provider("cluster", kubeconfig="/somewhere"),
        kubeconfig=pulumi.Output.secret("kubeconfig"),
        object_store=ObjectStore(
            endpoint="http://198.19.0.70:7070", region="us-east-1", path_style=True, buckets={}, access={}
        ),
        postgres={},
        mysql={},
        redis=cast(Redis, None),
        storage_classes=StorageClasses(rwo="local-path"),
        images=IMAGES,
        gateway=GatewayExposure(
            gateway_class="mlplatform",
            service_type="ClusterIP",
            cluster_ip="198.19.0.80",
            base_url="http://198.19.0.80",
        ),
    )


def platform() -> None:
    below = substrate()
    gateway = Gateway(
        "gateway",
        GatewayArgs(
            substrate=below,
            gateway_api=manifests.rendered("gateway-api"),
            controller=manifests.rendered("envoy-gateway"),
            route_namespaces=["red", "mlflow"],
        ),
    )
    KServe("kserve", KServeArgs(substrate=below, controller=manifests.rendered("kserve"), requires=[gateway.crds]))


@pytest.fixture(scope="module")
def declared() -> Declared:
    manifests.ensure()
    plain = Declared.new_resource

    def new_resource(self: Declared, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        identity, outputs = plain(self, args)
        issued = {"ca_bundle": "Q0E=", "certificate": "PEM", "private_key": "KEY"}
        return identity, {**outputs, **(issued if args.typ.endswith(":ServingCertificate") else {})}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Declared, "new_resource", new_resource)
        return declare(platform)


def one(declared: Declared, kind: str, name: str) -> dict[str, Any]:
    found = [inputs for path, inputs in declared.of_kind(kind).items() if path.endswith(f"/{name}")]
    assert len(found) == 1, f"{kind} {name}: {len(found)}"
    return unwrap(found[0])


def pods(declared: Declared) -> list[tuple[str, dict[str, Any]]]:
    """Return every pod that will run: those of upstream's controllers, and those that these controllers create."""
    found = [(name, unwrap(pod)) for name, pod in declared.pods()]
    runtime = one(declared, "ClusterServingRuntime", "mlplatform")["spec"]
    fetcher = one(declared, "ClusterStorageContainer", "default")["spec"]["container"]
    return [*found, ("Predictor/mlplatform", {"containers": runtime["containers"], "initContainers": [fetcher]})]


def violations(found: list[tuple[str, dict[str, Any]]]) -> list[str]:
    problems: list[str] = []
    for name, pod in found:
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            security = {**pod.get("securityContext", {}), **container.get("securityContext", {})}
            resources = container.get("resources", {})
            long_running = not name.startswith("Job/") and container in pod["containers"]
            checks = {
                "may run as root": security.get("runAsNonRoot") is True,
                "may gain privileges": security.get("allowPrivilegeEscalation") is False,
                "keeps capabilities": security.get("capabilities") == {"drop": ["ALL"]},
                "may write its root": security.get("readOnlyRootFilesystem") is True,
                "has no seccomp profile": security.get("seccompProfile") == {"type": "RuntimeDefault"},
                "lacks requests or limits": all(
                    resources.get(part, {}).get(unit) for part in ("requests", "limits") for unit in ("cpu", "memory")
                ),
                "is not ours": container["image"].startswith("mlplatform.local/"),
                "has no probes": not long_running
                or {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container),
            }
            problems += [f"{name}/{container['name']} {problem}" for problem, fine in checks.items() if not fine]
    return problems


def test_every_pod_keeps_the_rules(declared: Declared) -> None:
    found = pods(declared)
    assert {name.rsplit("/", 1)[-1] for name, _ in found} == {
        *("envoy-gateway", "envoy-gateway-certgen", "kserve-controller-manager", "mlplatform"),
    }
    assert violations(found) == []


@pytest.mark.parametrize(
    ("expected", "path"),
    [
        ("may run as root", "securityContext"),
        ("may write its root", "securityContext.readOnlyRootFilesystem"),
        ("keeps capabilities", "securityContext.capabilities"),
        ("lacks requests or limits", "resources.limits.memory"),
        ("has no probes", "livenessProbe"),
    ],
)
def test_each_rule_can_fail(declared: Declared, expected: str, path: str) -> None:
    found = copy.deepcopy([(name, pod) for name, pod in pods(declared) if name.startswith("Deployment/kserve")])
    pod = found[0][1]
    pod.pop("securityContext")
    *parents, last = path.split(".")
    target = pod["containers"][0]
    for parent in parents:
        target = target[parent]
    del target[last]
    assert any(expected in problem for problem in violations(found))


def test_an_image_from_outside_is_noticed(declared: Declared) -> None:
    found = copy.deepcopy(pods(declared))
    found[0][1]["containers"][0]["image"] = "kserve/kserve-controller:v0.20.0"
    assert any("is not ours" in problem for problem in violations(found))


def test_no_crd_is_a_property_tree(declared: Declared) -> None:
    assert declared.of_kind("CustomResourceDefinition") == {}
    bundles = declared.of_kind("CrdBundle")
    assert sorted(bundles) == ["gateway-envoy-gateway-crds", "gateway-gateway-api-crds", "kserve-crds"]
    assert {name: len(unwrap(bundle["sha256"])) for name, bundle in bundles.items()} == dict.fromkeys(bundles, 64)


def test_namespaces_are_restricted(declared: Declared) -> None:
    spaces = declared.of_kind("Namespace")
    assert {unwrap(space)["metadata"]["name"] for space in spaces.values()} == {"kserve", "envoy-gateway-system"}
    for space in spaces.values():
        assert unwrap(space)["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_nothing_of_cert_manager_and_no_proxy_is_left(declared: Declared) -> None:
    text = json.dumps(unwrap({f"{typ} {name}": inputs for (typ, name), inputs in declared.resources.items()}))
    for absent in ("cert-manager", "kube-rbac-proxy", "kserve-proxy-role"):
        assert absent not in text
    assert set(declared.of_kind("Service")) == {
        "gateway/Service/envoy-gateway-system/envoy-gateway",
        "kserve/Service/kserve/kserve-webhook-server-service",
    }


def test_kserve_is_told_standard_mode_and_to_leave_routes_to_us(declared: Declared) -> None:
    data = one(declared, "ConfigMap", "inferenceservice-config")["data"]
    assert json.loads(data["deploy"]) == {"defaultDeploymentMode": "Standard"}
    ingress = json.loads(data["ingress"])
    assert ingress["enableGatewayApi"] is True
    assert ingress["disableIngressCreation"] is True
    assert ingress["kserveIngressGateway"] == "envoy-gateway-system/mlplatform"
    assert json.loads(data["storageInitializer"])["image"] == IMAGES["storage-initializer"]
    assert "_example" not in data
    assert all(json.loads(section) for section in data.values())


def test_the_predictor_default_follows_its_argument() -> None:
    runtime = serving_runtime.serving_runtime(IMAGES, SMALL)
    assert runtime["spec"]["containers"][0]["resources"]["requests"] == {"cpu": "10m", "memory": "16Mi"}


def test_predictors_find_the_object_store_and_the_names_of_their_keys(declared: Declared) -> None:
    config = json.loads(one(declared, "ConfigMap", "inferenceservice-config")["data"]["credentials"])
    assert (config["s3"]["s3Endpoint"], config["s3"]["s3UseHttps"]) == ("198.19.0.70:7070", "0")
    assert config["s3"]["s3UseVirtualBucket"] == "false"
    assert config["s3"]["s3AccessKeyIDName"] == "AWS_ACCESS_KEY_ID"


def test_the_private_key_is_a_secret_and_the_api_server_trusts_its_ca(declared: Declared) -> None:
    (secret,) = declared.of_kind("Secret").values()
    assert is_secret(secret["stringData"]) or is_secret(secret["stringData"]["tls.key"])
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        for inputs in declared.of_kind(kind).values():
            bundles = [hook["clientConfig"]["caBundle"] for hook in unwrap(inputs)["webhooks"]]
            assert set(bundles) == {"Q0E="}


def test_the_gateway_has_its_fixed_address_and_takes_only_named_namespaces(declared: Declared) -> None:
    spec = one(declared, "Gateway", envoy.GATEWAY)["spec"]
    assert spec["addresses"] == [{"type": "IPAddress", "value": "198.19.0.80"}]
    selector = spec["listeners"][0]["allowedRoutes"]["namespaces"]["selector"]
    assert selector["matchExpressions"][0]["values"] == ["mlflow", "red"]


def test_envoy_has_real_requests_and_our_image(declared: Declared) -> None:
    kubernetes = one(declared, "EnvoyProxy", envoy.GATEWAY)["spec"]["provider"]["kubernetes"]
    container = kubernetes["envoyDeployment"]["container"]
    assert container["image"] == IMAGES["envoy"]
    assert set(container["resources"]["requests"]) == {"cpu", "memory"}
    assert kubernetes["envoyService"]["type"] == "ClusterIP"
    assert "envoyPDB" not in kubernetes


def test_a_load_balancer_has_no_fixed_address_and_two_envoys_a_budget() -> None:
    exposure = GatewayExposure(
        gateway_class="x",
        service_type="LoadBalancer",
        cluster_ip=None,
        base_url="https://ml.example",
        service_annotations={"a": "b"},
    )
    assert "addresses" not in envoy.gateway(exposure, ["red"])["spec"]
    kubernetes = envoy.envoy_proxy(IMAGES, exposure, envoy.Proxy(replicas=2))["spec"]["provider"]["kubernetes"]
    assert kubernetes["envoyPDB"] == {"maxUnavailable": 1}
    assert kubernetes["envoyService"]["annotations"] == {"a": "b"}


def test_a_route_rewrites_its_prefix() -> None:
    route = Route(name="mlflow", path="/mlflow", service="mlflow", port=5000, protection="login")
    (rule,) = http_route(GatewayRouteArgs(namespace="mlflow", route=route))["spec"]["rules"]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/mlflow"}}]
    assert rule["filters"][0]["urlRewrite"]["path"]["replacePrefixMatch"] == "/"


def test_a_certificate_is_good_for_its_names_and_signed_by_its_ca() -> None:
    issued = certificates.issue(WEBHOOK_NAMES, now=NOW)
    leaf = x509.load_pem_x509_certificate(issued.certificate.encode())
    ca = x509.load_pem_x509_certificate(issued.ca.encode())
    leaf.verify_directly_issued_by(ca)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == list(WEBHOOK_NAMES)
    assert leaf.not_valid_before_utc < NOW < leaf.not_valid_after_utc


def test_a_certificate_stays_until_its_last_year_or_other_names(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = certificates.ServingCertificateProvider()
    monkeypatch.setattr(certificates, "_now", lambda: NOW)
    made = provider.create({"dns_names": ["a.b.svc"]}).outs
    assert made is not None
    assert provider.diff("a", made, {"dns_names": ["a.b.svc"]}).changes is False
    assert provider.diff("a", made, {"dns_names": ["c.b.svc"]}).changes is True
    monkeypatch.setattr(certificates, "_now", lambda: NOW + datetime.timedelta(days=1470))
    assert provider.diff("a", made, {"dns_names": ["a.b.svc"]}).changes is True
    renewed = provider.update("a", made, {"dns_names": ["a.b.svc"]}).outs
    assert renewed is not None
    assert renewed["certificate"] != made["certificate"]
