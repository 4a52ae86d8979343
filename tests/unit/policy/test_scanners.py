"""Input for scanners, and the conversion of their output."""

from __future__ import annotations

from typing import Any

import pytest

from policy.model import Resource, Stack
from policy.profiles import profile
from policy.scanners import checkov, kubeconform, schemas, terraform
from policy.scanners.skips import Failed, Skip, skips, unexplained

BUCKET = "aws:s3/bucket:Bucket"
REASON = "A made-up reason of a believable length."


def resource(kind: str, name: str, inputs: dict[str, Any], **more: Any) -> Resource:
    return Resource(kind, name, f"urn::{kind}::{name}", inputs, **more)


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (BUCKET, "aws_s3_bucket"),
        ("aws:ec2/launchTemplate:LaunchTemplate", "aws_launch_template"),
        ("aws:rds/instance:Instance", "aws_db_instance"),
        ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "aws_vpc_security_group_ingress_rule"),
        ("aws:elasticache/replicationGroup:ReplicationGroup", "aws_elasticache_replication_group"),
        ("aws:eks/podIdentityAssociation:PodIdentityAssociation", "aws_eks_pod_identity_association"),
    ],
)
def test_types_are_terraforms(token: str, expected: str) -> None:
    assert terraform.type_of(token) == expected


def test_objects_become_blocks_and_maps_stay() -> None:
    made = terraform.values(
        {
            "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms"}}],
            "lifecyclePolicies": [{"a": 1.0}],
            "blockDeviceMappings": [{"ebs": {"encrypted": "true"}}],
            "subnetIds": ["a", "b"],
            "tags": {"Some-Key": "value"},
        }
    )
    assert made == {
        "rule": [{"apply_server_side_encryption_by_default": [{"sse_algorithm": "aws:kms"}]}],
        "lifecycle_policy": [{"a": 1}],
        "block_device_mappings": [{"ebs": [{"encrypted": "true"}]}],
        "subnet_ids": ["a", "b"],
        "tags": {"Some-Key": "value"},
    }


def test_a_plan_knows_who_refers_to_whom_and_the_providers_tags() -> None:
    provider = {"defaultTags": {"tags": {"Project": "ml"}}}
    bucket = resource(BUCKET, "raw.data", {"bucket": "ml-raw"}, provider=provider)
    versioning = resource("aws:s3/bucketVersioning:BucketVersioning", "raw", {"bucket": "ml-raw"})
    other = resource("kubernetes:core/v1:Secret", "not-aws", {})
    made = terraform.plan(Stack("dev", profile("dev"), [bucket, versioning, other]))
    [planned, _] = made["planned_values"]["root_module"]["resources"]
    assert planned["address"] == "aws_s3_bucket.raw_data"
    assert planned["values"] == {"bucket": "ml-raw", "tags": {"Project": "ml"}}
    [own, configured] = made["configuration"]["root_module"]["resources"]
    assert own["expressions"] == {}
    assert configured["expressions"]["bucket"]["references"][1] == "aws_s3_bucket.raw_data"


def skip(**changed: Any) -> Skip:
    fields = {"check": "CKV_1", "resource": "aws_s3_bucket.*", "stacks": ("dev",), "reason": REASON}
    return Skip.model_validate({**fields, **changed})


def test_a_failed_check_needs_a_skip_of_its_own() -> None:
    failed = [Failed("CKV_1", "title", "aws_s3_bucket.a"), Failed("CKV_2", "title", "aws_s3_bucket.a")]
    assert unexplained(failed, [skip()], "dev") == ([failed[1]], [])
    assert unexplained(failed, [skip()], "prod") == (failed, [])
    assert unexplained(failed, [skip(resource="aws_db_instance.*")], "dev")[0] == failed
    assert unexplained([], [skip()], "dev") == ([], [skip()])


def test_the_skips_are_explained() -> None:
    assert len({(entry.check, entry.resource) for entry in skips()}) == len(skips())


@pytest.mark.parametrize("summary", [{"parsing_errors": 1, "resource_count": 9}, {"resource_count": 0}])
def test_a_plan_that_checkov_cannot_read_is_no_success(summary: dict[str, int]) -> None:
    with pytest.raises(RuntimeError, match="could not read"):
        checkov.parsed({"summary": {"passed": 0, "failed": 0, **summary}, "results": {}})


def test_an_empty_answer_is_no_success() -> None:
    with pytest.raises(RuntimeError, match="could not read"):
        checkov.parsed({"passed": 0, "failed": 0, "skipped": 0, "parsing_errors": 0, "resource_count": 0})


def test_schemas_refuse_unknown_fields_unless_the_source_allows_them() -> None:
    made = schemas.closed(
        {
            "type": "object",
            "properties": {
                "closed": {"type": "object", "properties": {"a": {"type": "string", "nullable": True}}},
                "open": {"type": "object", "properties": {}, "x-kubernetes-preserve-unknown-fields": True},
                "either": {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]},
                "map": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        }
    )
    assert made["additionalProperties"] is False
    assert made["properties"]["closed"]["additionalProperties"] is False
    assert made["properties"]["closed"]["properties"]["a"] == {"type": ["string", "null"]}
    assert "additionalProperties" not in made["properties"]["open"]
    assert made["properties"]["either"] == {"type": ["string", "integer"]}
    assert made["properties"]["map"]["additionalProperties"] == {"type": "string"}


def test_a_kinds_file_has_all_that_its_schema_refers_to() -> None:
    gvk = [{"group": "", "version": "v1", "kind": "Pod"}]
    document = {
        "definitions": {
            "Pod": {"x-kubernetes-group-version-kind": gvk, "properties": {"spec": {"$ref": "#/definitions/Spec"}}},
            "Spec": {"properties": {"self": {"items": {"$ref": "#/definitions/Spec"}}}},
            "Other": {"type": "string"},
        }
    }
    files = schemas.of_openapi(document)
    assert set(files) == {"pod_v1_v1.json"}
    assert set(files["pod_v1_v1.json"]["definitions"]) == {"Pod", "Spec"}


def test_whole_numbers_are_written_as_such() -> None:
    assert kubeconform.plain_numbers({"a": [80.0, 0.5, True, "1"]}) == {"a": [80, 0.5, True, "1"]}
