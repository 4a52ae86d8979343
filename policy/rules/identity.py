"""Least privilege in AWS: who may do what, and who may become whom."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policy.model import UNKNOWN, Area, Problem, Resource, Severity, Stack, at, is_set, rule
from policy.reading import Statement, entries, statements

PERMISSIONS = (
    "aws:iam/policy:Policy",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/role:Role",
)
RESOURCE_POLICIES = (
    "aws:s3/bucketPolicy:BucketPolicy",
    "aws:ecr/repositoryPolicy:RepositoryPolicy",
    "aws:sns/topicPolicy:TopicPolicy",
    "aws:sqs/queuePolicy:QueuePolicy",
    "aws:secretsmanager/secretPolicy:SecretPolicy",
    "aws:kms/key:Key",
    "aws:efs/fileSystemPolicy:FileSystemPolicy",
)


def permissions(resource: Resource) -> Iterator[Statement]:
    """Yield the statements by which a role or policy grants permissions."""
    if not resource.type.endswith(":Role"):
        yield from statements(resource.at("policy"))
    for inline in entries(resource.at("inlinePolicies")):
        yield from statements(at(inline, "policy"))


@rule(
    "actions-named",
    Area.IDENTITY,
    Severity.CRITICAL,
    "Policies name the actions that they allow",
    remedy="list the actions; `service:*` and `*` need a written reason",
    types=PERMISSIONS,
)
def actions_named(resource: Resource, _stack: Stack) -> Iterator[Problem]:
    """No action that is all of a service."""
    for item in permissions(resource):
        if item.allows:
            for action in item.actions:
                if action == "*" or action.endswith(":*"):
                    yield Problem(item.name, f"allows {action}")


def too_wide(target: str) -> bool:
    """Whether a resource pattern leaves open which resource of a service is meant: its part after the account."""
    parts = target.split(":", 5)
    return target == "*" or (len(parts) == 6 and re.fullmatch(r"[*/]+|[a-z-]+[:/]\*", parts[5]) is not None)


@rule(
    "resources-named",
    Area.IDENTITY,
    Severity.HIGH,
    "Policies name the resources that they allow actions on",
    remedy="name ARNs; actions that know no resource need a written reason, and a condition where there is one",
    types=PERMISSIONS,
)
def resources_named(resource: Resource, _stack: Stack) -> Iterator[Problem]:
    """No resource that is all of a kind."""
    for item in permissions(resource):
        if item.allows and (wide := [target for target in item.resources if too_wide(target)]):
            shown = ", ".join(item.actions[:4]) + (", ..." if len(item.actions) > 4 else "")
            yield Problem(item.name, f"allows {shown} on {', '.join(wide)}")


@rule(
    "principals-named",
    Area.IDENTITY,
    Severity.CRITICAL,
    "Resource policies allow nobody unnamed",
    remedy="name the principals, or the account by a condition on aws:PrincipalAccount or aws:SourceArn",
    types=RESOURCE_POLICIES,
)
def principals_named(resource: Resource, _stack: Stack) -> Iterator[Problem]:
    """Policies of buckets, keys, repositories, topics."""
    for item in statements(resource.at("policy")):
        if item.allows and "*" in item.principals and not _confined(item):
            yield Problem(item.name, "allows everybody")


CONFINING = {"aws:PrincipalAccount", "aws:PrincipalOrgID", "aws:SourceArn", "aws:SourceAccount", "kms:CallerAccount"}


THROUGH_MOUNT_TARGET = "elasticfilesystem:AccessedViaMountTarget"
"""True for clients of a file system that its mount targets' security groups let in; NFS clients have no other name."""


def _confined(item: Statement) -> bool:
    keys = {key for operator in item.condition.values() for key in operator}
    mounted = str(at(item.condition, "Bool", THROUGH_MOUNT_TARGET)).lower() == "true"
    return bool(keys & CONFINING) or mounted


@rule(
    "roles-trust-named",
    Area.IDENTITY,
    Severity.CRITICAL,
    "Roles are assumed by named principals, from outside by exact subjects only",
    remedy="name the service or ARN; give a federated principal StringEquals conditions on sub and aud",
    types=("aws:iam/role:Role",),
)
def roles_trust_named(resource: Resource, _stack: Stack) -> Iterator[Problem]:
    """Trust policies."""
    document = resource.at("assumeRolePolicy")
    if document is UNKNOWN:
        return
    for item in statements(document):
        if not item.allows:
            continue
        if "*" in item.principals:
            yield Problem(item.name, "may be assumed by everybody")
        if "sts:AssumeRoleWithWebIdentity" in item.actions:
            equal = {key.rsplit(":", 1)[-1]: value for key, value in item.condition.get("StringEquals", {}).items()}
            for key in ("sub", "aud"):
                if not equal.get(key) or any("*" in value for value in entries(equal[key])):
                    yield Problem(item.name, f"no exact {key} in StringEquals")


ADMINISTRATORS = re.compile(r"/(AdministratorAccess|PowerUserAccess|IAMFullAccess|Amazon\w+FullAccess)$")


@rule(
    "no-administrators",
    Area.IDENTITY,
    Severity.CRITICAL,
    "No role gets an administrator's policy",
    remedy="attach a policy that names what the role does",
    types=(
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "aws:iam/policyAttachment:PolicyAttachment",
        "aws:iam/role:Role",
    ),
)
def no_administrators(resource: Resource, _stack: Stack) -> Iterator[str]:
    """AWS's own wide policies."""
    for arn in [*entries(resource.at("policyArn")), *entries(resource.at("managedPolicyArns"))]:
        if ADMINISTRATORS.search(str(arn)):
            yield f"has {arn}"


@rule(
    "no-standing-credentials",
    Area.IDENTITY,
    Severity.HIGH,
    "No user or access key that lives on",
    remedy="use a role: Pod Identity for pods, the identity provider for people and pipelines",
    types=("aws:iam/user:User", "aws:iam/accessKey:AccessKey", "aws:iam/userLoginProfile:UserLoginProfile"),
)
def no_standing_credentials(resource: Resource, _stack: Stack) -> Iterator[str]:
    """IAM users and their keys."""
    yield f"{resource.kind} is declared"


@rule(
    "cluster-access-by-entries",
    Area.IDENTITY,
    Severity.HIGH,
    "Who may enter the cluster stands in access entries",
    remedy="set accessConfig.authenticationMode to API and bootstrapClusterCreatorAdminPermissions to false",
    types=("aws:eks/cluster:Cluster",),
)
def cluster_access_by_entries(resource: Resource, _stack: Stack) -> Iterator[str]:
    """EKS authentication mode; the aws-auth ConfigMap is invisible to previews."""
    mode = resource.at("accessConfig", "authenticationMode")
    if mode not in {"API", UNKNOWN}:
        yield f"accessConfig.authenticationMode is {mode}"
    creator = resource.at("accessConfig", "bootstrapClusterCreatorAdminPermissions")
    if creator is None or (creator is not UNKNOWN and is_set(creator)):
        yield "whoever creates the cluster stays its administrator"
