"""Stand-ins for AWS's controllers: node groups, autoscaler, CSI drivers, load balancers, Envoy Gateway.

They act on the emulated account as the real ones do, and only while the thing that runs them exists: CSI drivers while
their EKS add-ons exist, Envoy Gateway while its Deployment has a ready pod. Resources that they created and can no
longer remove stay in the account, where the test of an empty account finds them.
"""

from __future__ import annotations

from typing import Any

from providers.aws_emulation.emulation import Emulation
from tests.engine.aws_nodes import GPU, Group, groups, node, size
from tests.engine.control_plane import ControlPlane

FINALIZER = "service.kubernetes.io/load-balancer-cleanup"
GATEWAYS = "/apis/gateway.networking.k8s.io/v1"
GATEWAY_NAMESPACE = "envoy-gateway-system"
CERTIFICATES = ("envoy-gateway", "envoy", "envoy-rate-limit")
"""Secrets that Envoy Gateway's certificate Job creates."""

SELECTED = "volume.kubernetes.io/selected-node"
DRIVERS = {"ebs.csi.aws.com": "aws-ebs-csi-driver", "efs.csi.aws.com": "aws-efs-csi-driver"}
OWNER = "test/owner"


class NodeGroups:
    """Creates the machines of the account's node groups, and adds a machine where a pod does not fit.

    A group without machines gets one at once, as if a pod had already requested it, so that the scheduler, and not this
    class, decides which pods fit in a group.
    """

    def __init__(self, plane: ControlPlane, account: Emulation) -> None:
        self.plane, self.account = plane, account
        self.machines: dict[str, tuple[str, str]] = {}
        """Node name to its group and network interface."""

    def step(self, pods: list[dict[str, Any]]) -> None:
        """Create and remove machines."""
        wanted = {group.name: group for group in groups(self.account)}
        for name, (group, interface) in list(self.machines.items()):
            if group not in wanted:
                self.plane.delete(f"/api/v1/nodes/{name}")
                self.account.client("ec2").delete_network_interface(NetworkInterfaceId=interface)
                del self.machines[name]
        lacking = [pod for pod in pods if _unschedulable(pod)]
        for group in wanted.values():
            count = sum(1 for owner, _ in self.machines.values() if owner == group.name)
            asked = any(_fits(group, pod) for pod in lacking)
            if count < max(1, group.scaling["desiredSize"]) or (asked and count < group.scaling["maxSize"]):
                self._add(group, count)

    def plug_gpus(self, pods: list[dict[str, Any]]) -> None:
        """Advertise the GPUs of every node on which the device plugin runs."""
        for pod in pods:
            if "nvidia-device-plugin" not in pod["metadata"]["name"] or pod["status"].get("phase") != "Running":
                continue
            name = pod["spec"]["nodeName"]
            live = self.plane.get(f"/api/v1/nodes/{name}") or {"status": {"capacity": {GPU: "0"}}}
            if GPU in live["status"].get("capacity", {}):
                continue
            has = size(self.account, live["metadata"]["labels"]["node.kubernetes.io/instance-type"])
            room = {GPU: str(has.gpus)}
            self.plane.merge(f"/api/v1/nodes/{name}/status", {"status": {"capacity": room, "allocatable": room}})

    def _add(self, group: Group, index: int) -> None:
        body = node(group, index, size(self.account, group.instance_type), self.account.region)
        name, status = body["metadata"]["name"], body.pop("status")
        ec2 = self.account.client("ec2")
        made = ec2.create_network_interface(SubnetId=body["metadata"]["annotations"]["test/subnet"], Description=name)
        self.plane.http.post("/api/v1/nodes", json=body).raise_for_status()
        self.plane.merge(f"/api/v1/nodes/{name}/status", {"status": status})
        self.machines[name] = (group.name, made["NetworkInterface"]["NetworkInterfaceId"])


class Volumes:
    """The CSI drivers: create volumes for claims, and delete those whose claim is gone."""

    def __init__(self, plane: ControlPlane, account: Emulation) -> None:
        self.plane, self.account = plane, account
        self.volumes: dict[str, str] = {}

    def step(self) -> None:
        """Create and delete volumes."""
        classes = (self.plane.get("/apis/storage.k8s.io/v1/storageclasses") or {})["items"]
        drivers = {entry["metadata"]["name"]: entry for entry in classes if self._installed(entry["provisioner"])}
        for claim in (self.plane.get("/api/v1/persistentvolumeclaims") or {})["items"]:
            kind = drivers.get(claim["spec"].get("storageClassName", ""))
            notes = claim["metadata"].get("annotations") or {}
            late = kind is not None and kind.get("volumeBindingMode") == "WaitForFirstConsumer"
            if kind and claim["status"].get("phase") == "Pending" and (SELECTED in notes or not late):
                self._make(claim, kind)
        for name, volume in list(self.volumes.items()):
            live = self.plane.get(f"/api/v1/persistentvolumes/{name}")
            if live and live["status"].get("phase") == "Released" and self._installed(live["spec"]["csi"]["driver"]):
                self.account.client("ec2").delete_volume(VolumeId=volume)
                self.plane.delete(f"/api/v1/persistentvolumes/{name}")
                del self.volumes[name]

    def _installed(self, driver: str) -> bool:
        addon = DRIVERS.get(driver)
        return addon is not None and any((self.account.folder / "Addon").glob(f"*%3A{addon}.json"))

    def _make(self, claim: dict[str, Any], kind: dict[str, Any]) -> None:
        metadata, spec = claim["metadata"], claim["spec"]
        name = f"pvc-{metadata['uid']}"
        if name in self.volumes:
            return
        zone = f"{self.account.region}a"
        made = self.account.client("ec2").create_volume(AvailabilityZone=zone, Size=10, VolumeType="gp3")
        self.volumes[name] = made["VolumeId"]
        reference = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
        }
        body = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": {
                "capacity": {"storage": spec["resources"]["requests"]["storage"]},
                "accessModes": spec["accessModes"],
                "persistentVolumeReclaimPolicy": kind.get("reclaimPolicy", "Delete"),
                "storageClassName": kind["metadata"]["name"],
                "csi": {"driver": kind["provisioner"], "volumeHandle": made["VolumeId"]},
                "claimRef": reference,
            },
        }
        self.plane.http.post("/api/v1/persistentvolumes", json=body).raise_for_status()


class Balancers:
    """Envoy Gateway and the cloud's Service controller: create Services for Gateways, load balancers for Services."""

    def __init__(self, plane: ControlPlane, account: Emulation) -> None:
        self.plane, self.account = plane, account
        self.arns: dict[str, str] = {}

    def step(self, pods: list[dict[str, Any]]) -> None:
        """Create and delete Services and load balancers."""
        if any(_is_certificate_job(pod) for pod in pods):
            self._certificates()
        if any(_is_gateway_controller(pod) for pod in pods):
            self._gateways()
        for service in (self.plane.get("/api/v1/services") or {})["items"]:
            if service["spec"].get("type") == "LoadBalancer":
                self._service(service)

    def _certificates(self) -> None:
        """Create the Secrets of Envoy Gateway's certificate Job."""
        path = f"/api/v1/namespaces/{GATEWAY_NAMESPACE}/secrets"
        for name in CERTIFICATES:
            if self.plane.get(f"{path}/{name}") is None:
                data = dict.fromkeys(("ca.crt", "tls.crt", "tls.key"), "dGVzdA==")
                body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}
                self.plane.http.post(path, json=body).raise_for_status()

    def _gateways(self) -> None:
        found = self.plane.get(f"{GATEWAYS}/gateways")
        gateways = {entry["metadata"]["name"]: entry for entry in (found or {}).get("items", [])}
        path = f"/api/v1/namespaces/{GATEWAY_NAMESPACE}/services"
        made = {
            entry["metadata"]["labels"][OWNER]
            for entry in (self.plane.get(f"{path}?labelSelector={OWNER}") or {}).get("items", [])
        }
        for name in gateways.keys() - made:
            body = {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": f"envoy-{name}", "labels": {OWNER: name}},
                "spec": {"type": "LoadBalancer", "ports": [{"port": 443}], "selector": {OWNER: name}},
            }
            self.plane.http.post(path, json=body)
        for name in made - gateways.keys():
            self.plane.delete(f"{path}/envoy-{name}")
        for name, entry in gateways.items():
            conditions = (entry.get("status") or {}).get("conditions") or []
            if not any(item["type"] == "Programmed" and item["status"] == "True" for item in conditions):
                moment = "2026-01-01T00:00:00Z"
                good = {"status": "True", "reason": "Fine", "message": "", "lastTransitionTime": moment}
                body = {"conditions": [{"type": kind, **good} for kind in ("Accepted", "Programmed")]}
                namespace = entry["metadata"]["namespace"]
                self.plane.merge(f"{GATEWAYS}/namespaces/{namespace}/gateways/{name}/status", {"status": body})

    def _service(self, service: dict[str, Any]) -> None:
        metadata = service["metadata"]
        key, path = f"{metadata['namespace']}/{metadata['name']}", "/api/v1/namespaces/{namespace}/services/{name}"
        path = path.format(**metadata)
        client = self.account.client("elbv2")
        if metadata.get("deletionTimestamp"):
            if arn := self.arns.pop(key, None):
                client.delete_load_balancer(LoadBalancerArn=arn)
            self.plane.merge(path, {"metadata": {"finalizers": None}})
        elif key not in self.arns:
            subnets = self.account.client("ec2").describe_subnets(
                Filters=[{"Name": "tag-key", "Values": ["kubernetes.io/role/elb"]}]
            )["Subnets"]
            assert subnets, "no subnet is tagged for load balancers"
            made = client.create_load_balancer(
                Name=metadata["name"][:32], Subnets=[entry["SubnetId"] for entry in subnets], Type="network"
            )["LoadBalancers"][0]
            self.arns[key] = made["LoadBalancerArn"]
            self.plane.merge(path, {"metadata": {"finalizers": [FINALIZER]}})
            entrance = {"loadBalancer": {"ingress": [{"hostname": made["DNSName"]}]}}
            self.plane.merge(f"{path}/status", {"status": entrance})


def _is_certificate_job(pod: dict[str, Any]) -> bool:
    metadata = pod["metadata"]
    done = pod.get("status", {}).get("phase") == "Succeeded"
    return metadata["namespace"] == GATEWAY_NAMESPACE and "certgen" in metadata["name"] and done


def _is_gateway_controller(pod: dict[str, Any]) -> bool:
    metadata = pod["metadata"]
    return (
        metadata["namespace"] == GATEWAY_NAMESPACE
        and metadata["name"].startswith("envoy-gateway-")
        and "certgen" not in metadata["name"]
        and pod.get("status", {}).get("phase") == "Running"
    )


def _unschedulable(pod: dict[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions") or []
    return any(
        entry["type"] == "PodScheduled" and entry["status"] == "False" and entry.get("reason") == "Unschedulable"
        for entry in conditions
    )


def _fits(group: Group, pod: dict[str, Any]) -> bool:
    """Return whether labels and taints of a group's nodes admit the pod; the scheduler decides everything else."""
    spec, labels = pod["spec"], group.description.get("labels") or {}
    tolerated = {entry.get("key") for entry in spec.get("tolerations") or []}
    taints = {taint["key"] for taint in group.description.get("taints") or []}
    return (spec.get("nodeSelector") or {}).items() <= labels.items() and taints <= tolerated
