"""Test the pure functions of the AWS components."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from ipaddress import IPv4Network

import pytest

from components.substrates import databases
from components.substrates.aws import autoscaler, buckets, entrance, kms, mysql, postgres
from components.substrates.aws.addons import external_dns
from components.substrates.aws.kubeconfig import kubeconfig
from components.substrates.aws.node_groups import Group
from components.substrates.aws.object_storage import bucket_name, by_identity, statements
from components.substrates.aws.registry import expiry, registry_url
from components.substrates.aws.site import Site
from components.substrates.aws.upstream_images import upstream_copies, upstream_image
from components.substrates.requests import BUCKET_PURPOSES, Grant
from infra.aws import networks

SITE = Site(environment="dev", account="111111111111", region="eu-central-1", protect=False, final_snapshots=False)
KEY = "arn:aws:kms:eu-central-1:111111111111:key/x"
NAMES = {purpose: bucket_name(SITE, purpose) for purpose in BUCKET_PURPOSES}


def allowed(grant: Grant) -> dict[str, set[str]]:
    """Return the actions that a grant allows, by resource."""
    found: dict[str, set[str]] = {}
    for statement in statements([grant], NAMES, KEY, SITE.region):
        for resource in statement.resources:
            found.setdefault(str(resource), set()).update(statement.actions)
    return found


def test_who_only_reads_can_neither_write_nor_encrypt() -> None:
    grant = Grant(application="serving", namespace="models", service_account="serving", read_only=("models",))
    found = allowed(grant)
    bucket = "arn:aws:s3:::mlplatform-dev-models-111111111111"
    assert set(found) == {bucket, f"{bucket}/*", KEY}
    assert found[KEY] == {"kms:Decrypt"}
    assert not {action for action in found[f"{bucket}/*"] if "Put" in action or "Delete" in action}


def test_who_writes_gets_its_own_buckets_and_no_wildcard() -> None:
    grant = Grant(application="w", namespace="m", service_account="w", read_write=("raw",), read_only=("models",))
    found = allowed(grant)
    assert "s3:PutObject" in found["arn:aws:s3:::mlplatform-dev-raw-111111111111/*"]
    assert "s3:PutObject" not in found["arn:aws:s3:::mlplatform-dev-models-111111111111/*"]
    assert found[KEY] == {"kms:Decrypt", "kms:GenerateDataKey"}
    assert not {action for actions in found.values() for action in actions if "*" in action}


def test_a_prefix_limits_objects_and_listing() -> None:
    grant = Grant(application="red-jobs", namespace="red", service_account="jobs", read_write=("raw",), prefix="red/")
    bucket = "arn:aws:s3:::mlplatform-dev-raw-111111111111"
    found = allowed(grant)
    assert set(found) == {bucket, f"{bucket}/red/*", KEY}
    assert found[bucket] == {"s3:ListBucket"}
    (listing,) = [s for s in statements([grant], NAMES, KEY, SITE.region) if "s3:ListBucket" in s.actions]
    assert listing.conditions == {"StringLike": {"s3:prefix": "red/*"}}


def test_grants_of_one_identity_add_up_to_one_role() -> None:
    folder = Grant(application="red-jobs", namespace="red", service_account="jobs", read_write=("raw",), prefix="red/")
    whole = replace(folder, read_write=(), read_only=("models",), prefix="")
    assert by_identity([folder, whole]) == {"red-jobs": [folder, whole]}
    resources = {
        str(resource) for s in statements([folder, whole], NAMES, KEY, SITE.region) for resource in s.resources
    }
    assert {"arn:aws:s3:::mlplatform-dev-raw-111111111111/red/*", f"{buckets.arn(NAMES['models'])}/*"} <= resources
    assert f"{buckets.arn(NAMES['raw'])}/*" not in resources


def test_role_names_are_ones_that_iam_takes() -> None:
    longest = replace(SITE, environment="a" * 20)
    names = {longest.role_name(f"{'t' * 29}{end}-pipeline-runner") for end in "ab"}
    assert len(names) == 2, "a name that is cut ends with a digest of the whole"
    assert max(map(len, names)) <= 64
    assert SITE.role_name("red-jobs") == "mlplatform-dev-red-jobs"


def test_bucket_names_are_ones_that_s3_takes() -> None:
    longest = replace(SITE, environment="a" * 20)
    assert max(len(bucket_name(longest, purpose)) for purpose in (*BUCKET_PURPOSES, "logs")) <= 63


def test_the_autoscaler_changes_only_groups_of_its_own_cluster() -> None:
    for statement in autoscaler.statements(SITE, "mlplatform-dev"):
        if any("Set" in action or "Terminate" in action for action in statement.actions):
            tag = "aws:ResourceTag/k8s.io/cluster-autoscaler/mlplatform-dev"
            assert statement.conditions == {"StringEquals": {tag: "owned"}}
        else:
            assert all(":Describe" in action or ":Get" in action for action in statement.actions)


def test_dns_records_are_changed_in_one_zone_only() -> None:
    addon = external_dns("Z1", "mlplatform-dev")
    by_action = {action: s.resources for s in addon.statements for action in s.actions}
    assert by_action["route53:ChangeResourceRecordSets"] == ["arn:aws:route53:::hostedzone/Z1"]
    assert [action for action, resources in by_action.items() if resources == ["*"]] == ["route53:ListHostedZones"]


def test_dns_finds_its_zone_by_id_and_by_nothing_narrower() -> None:
    settings = external_dns("Z1", "mlplatform-dev").settings
    assert settings["extraArgs"] == ["--zone-id-filter=Z1"]
    assert not settings.keys() & {"domainFilters", "excludeDomains"}
    assert (settings["registry"], settings["txtOwnerId"]) == ("txt", "mlplatform-dev")


def test_a_key_for_services_names_account_and_services() -> None:
    for statement in kms.through_services(SITE, ["ec2"]):
        condition = statement["Condition"]["StringEquals"]
        assert condition["kms:CallerAccount"] == "111111111111"
        assert condition["kms:ViaService"] == ["ec2.eu-central-1.amazonaws.com"]


def test_plain_http_is_refused_for_bucket_and_objects() -> None:
    statement = buckets.tls_only("b")
    assert statement["Effect"] == "Deny"
    assert statement["Resource"] == ["arn:aws:s3:::b", "arn:aws:s3:::b/*"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def group(name: str, gpus: int = 0, labels: dict[str, str] | None = None) -> Group:
    return Group(
        name=name,
        instance_types=["g5.xlarge"],
        capacity="spot",
        minimum=0,
        maximum=2,
        initial=0,
        volume_gib=100,
        gpus=gpus,
        labels=labels or {},
    )


def test_tags_describe_a_node_that_is_not_there_yet() -> None:
    prefix = "k8s.io/cluster-autoscaler/node-template"
    tags = group("gpu", 4, {"team": "vision"}).template_tags()
    assert tags[f"{prefix}/resources/nvidia.com/gpu"] == "4"
    assert tags[f"{prefix}/label/team"] == "vision"
    assert tags[f"{prefix}/label/k8s.amazonaws.com/accelerator"] == "nvidia-g5"
    plain = group("cpu").template_tags()
    assert plain == {f"{prefix}/label/mlplatform/node-group": "cpu"}


def test_gpu_nodes_say_so_before_their_gpus_are_there() -> None:
    key = "k8s.amazonaws.com/accelerator"
    mixed = replace(group("gpu", 1), instance_types=["g5.xlarge", "g4dn.xlarge", "g5.2xlarge"])
    assert mixed.node_labels()[key] == "nvidia-g5-g4dn"
    assert key not in group("cpu").node_labels()


@pytest.mark.parametrize(
    ("version", "family"), [("17", "postgres17"), ("16", "postgres16"), ("8.4", "mysql8.4"), ("8.0", "mysql8.0")]
)
def test_parameter_groups_belong_to_a_major_version(version: str, family: str) -> None:
    engine = mysql.ENGINE if "." in version else postgres.ENGINE
    assert engine.family(version) == family


def test_databases_take_nothing_but_tls() -> None:
    assert postgres.ENGINE.parameters["rds.force_ssl"] == "1"
    assert mysql.ENGINE.parameters["require_secure_transport"] == "1"
    assert "REQUIRE SSL" in databases.MYSQL_SCRIPT.read_text()


def test_a_registry_replaces_all_but_name_and_version() -> None:
    mirrored, own = (upstream_image("cluster-autoscaler", registry) for registry in ("r.example.com/x/", None))
    assert mirrored.startswith("r.example.com/x/cluster-autoscaler:v")
    assert own.startswith("registry.k8s.io/autoscaling/cluster-autoscaler:v")
    assert mirrored.partition("@sha256:")[2] == own.partition("@sha256:")[2]
    assert re.fullmatch("[0-9a-f]{64}", own.partition("@sha256:")[2])
    assert [copy.target for copy in upstream_copies("r.example.com/x/")] == [
        upstream_image(name, "r.example.com/x").partition("@")[0]
        for name in ("cluster-autoscaler", "nvidia-device-plugin")
    ]
    for copy in upstream_copies("r.example.com/x"):
        source, _, digest = copy.source.partition("@")
        assert ":" not in source, "skopeo accepts no tag together with a digest"
        assert digest in {
            upstream_image(name, None).partition("@")[2] for name in ("cluster-autoscaler", "nvidia-device-plugin")
        }
    assert registry_url(SITE) == "111111111111.dkr.ecr.eu-central-1.amazonaws.com/mlplatform-dev"
    assert json.loads(expiry(5))["rules"][0]["selection"]["countNumber"] == 5


def test_a_kubeconfig_is_one_for_the_named_cluster() -> None:
    found = json.loads(kubeconfig(cluster="c", region="r", endpoint="https://e", certificate_authority="Y2E="))
    assert found["clusters"][0]["cluster"] == {"server": "https://e", "certificate-authority-data": "Y2E="}
    assert found["users"][0]["user"]["exec"]["args"][2:6] == ["--region", "r", "--cluster-name", "c"]
    assert found["current-context"] == found["contexts"][0]["name"]


def test_an_internal_balancer_says_so() -> None:
    args = entrance.EntranceArgs(
        host="h.example.com", zone_id="Z1", internal=True, cidrs=["10.0.0.0/8"], tags={"a": "b"}
    )
    found = entrance.balancer_annotations(args, "arn:certificate")
    assert found["service.beta.kubernetes.io/aws-load-balancer-internal"] == "true"
    assert found["service.beta.kubernetes.io/aws-load-balancer-additional-resource-tags"] == "a=b"


def test_overlaps_are_found_whatever_the_order() -> None:
    small, large = ("small", IPv4Network("10.0.1.0/24")), ("large", IPv4Network("10.0.0.0/16"))
    assert networks.first_overlap([small, large]) == ("small", "large")
    assert networks.first_overlap([large, small]) == ("large", "small")
    assert networks.first_overlap([small, ("other", IPv4Network("10.0.2.0/24"))]) is None
