"""Rules on least privilege in AWS: policies, trust, credentials, access to the cluster."""

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
    """Yield the statements with which a role or policy grants permissions."""
    if not resource.type.endswith(":Role"):
        yield from statements(resource.at("policy"))
    for inline in entries(resource.at("inlinePolicies")):
        yield from statements(at(inline, "policy"))


@rule(
    "actions-named",
    Area.IDENTITY,
    Severity.CRITICAL,
    "Policies list the actions that they allow",
    remedy="list the actions; `service:*` and `*` need an exception with a reason",
    types=PERMISSIONS,
)
def actions_named(resource: Resource, _stack: Stack) -> Iterator[Problem]:
    """No action that covers a whole service."""
    for item in permissions(resource):
        if item.allows:
            for action in item.actions:
                if action == "*" or action.endswith(":*"):
                    yield Problem(item.name, f"allows {action}")


def too_wide(target: str) -> bool:
    """Tell whether a resource pattern matches every resource of a kind, by its part after the account."""
    parts = target.split(":", 5)
    return target == "*" or (len(parts) == 6 and re.fullmatch(r"[*/]+|[a-z-]+[:/]\*", parts[5]) is not None)


@rule(
    "resources-named",
    Area.IDENTITY,
    Severity.HIGH,
    "Policies list the resources on which they allow actions",
    remedy="list ARNs; actions that do not support resources need an exception, and a condition where possible",
    types=PERMISSIONS,
)
def resources_named(resource: Resource, _stack: Stack) -> Iterator[Problem]:
    """No resource that covers a whole kind."""
    for item in permissions(resource):
        if item.allows and (wide := [target for target in item.resources if too_wide(target)]):
            shown = ", ".join(item.actions[:4]) + (", ..." if len(item.actions) > 4 else "")
            yield Problem(item.name, f"allows {shown} on {', '.join(wide)}")


@rule(
    "principals-named",
    Area.IDENTITY,
    Severity.CRITICAL,
    "Resource policies list their principals",
    remedy="list the principals, or limit the account with a condition on aws:PrincipalAccount or aws:SourceArn",
    types=RESOURCE_POLICIES,
)
def principals_named(resource: Resource, _stack: Stack) -> Iterator[Problem]:
    """Policies of buckets, keys, repositories, topics."""
    for item in statements(resource.at("policy")):
        if item.allows and "*" in item.principals and not _confined(item):
            yield Problem(item.name, "allows everybody")


CONFINING = {"aws:PrincipalAccount", "aws:PrincipalOrgID", "aws:SourceArn", "aws:SourceAccount", "kms:CallerAccount"}


THROUGH_MOUNT_TARGET = "elasticfilesystem:AccessedViaMountTarget"
"""Condition for clients that use a mount target, whose security group limits them; NFS clients have no identity."""


def _confined(item: Statement) -> bool:
    keys = {key for operator in item.condition.values() for key in operator}
    mounted = str(at(item.condition, "Bool", THROUGH_MOUNT_TARGET)).lower() == "true"
    return bool(keys & CONFINING) or mounted


@rule(
    "roles-trust-named",
    Area.IDENTITY,
    Severity.CRITICAL,
    "Roles list who may assume them, federated principals by exact subject",
    remedy="list the service or ARN; add StringEquals conditions on sub and aud for a federated principal",
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
    "No role has an administrator's policy",
    remedy="attach a policy that lists the actions of the role",
    types=(
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "aws:iam/policyAttachment:PolicyAttachment",
        "aws:iam/role:Role",
    ),
)
def no_administrators(resource: Resource, _stack: Stack) -> Iterator[str]:
    """AWS's managed policies with wide permissions."""
    for arn in [*entries(resource.at("policyArn")), *entries(resource.at("managedPolicyArns"))]:
        if ADMINISTRATORS.search(str(arn)):
            yield f"has the policy {arn}"


@rule(
    "no-standing-credentials",
    Area.IDENTITY,
    Severity.HIGH,
    "There are no users and no permanent access keys",
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
    "Only access entries grant access to the cluster",
    remedy="set accessConfig.authenticationMode to API and bootstrapClusterCreatorAdminPermissions to false",
    types=("aws:eks/cluster:Cluster",),
)
def cluster_access_by_entries(resource: Resource, _stack: Stack) -> Iterator[str]:
    """EKS authentication mode; a preview does not show the aws-auth ConfigMap."""
    mode = resource.at("accessConfig", "authenticationMode")
    if mode not in {"API", UNKNOWN}:
        yield f"accessConfig.authenticationMode is {mode}"
    creator = resource.at("accessConfig", "bootstrapClusterCreatorAdminPermissions")
    if creator is None or (creator is not UNKNOWN and is_set(creator)):
        yield "the identity that creates the cluster stays its administrator"
