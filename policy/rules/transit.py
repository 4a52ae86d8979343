"""Rules on encryption in transit, and authentication of Redis."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policy.model import UNKNOWN, Area, Data, Problem, Resource, Severity, Stack, at, is_set, is_true, rule
from policy.reading import ENVOY_PROXY, entries, pod, statements, texts

SECURE = "aws:SecureTransport"


def refuses_plain(document: object) -> bool:
    """Tell whether a resource policy denies every request without TLS."""
    return document is UNKNOWN or any(
        not item.allows and "*" in item.principals and str(at(item.condition, "Bool", SECURE)).lower() == "false"
        for item in statements(document)
    )


def plain_requests(resource: Resource, stack: Stack, policy_type: str, key: str) -> Iterator[str]:
    """Yield a problem unless a resource policy of `policy_type` denies requests without TLS."""
    if not any(refuses_plain(policy.at("policy")) for policy in stack.about(resource, policy_type, key)):
        yield f"no {policy_type.rsplit(':', 1)[-1]} denies requests with {SECURE} false"


@rule(
    "buckets-refuse-plain-http",
    Area.TRANSIT,
    Severity.HIGH,
    "Buckets refuse plain HTTP",
    remedy=f"declare a BucketPolicy that denies s3:* to * where {SECURE} is false",
    types=("aws:s3/bucket:Bucket",),
)
def buckets_refuse_plain_http(resource: Resource, stack: Stack) -> Iterator[str]:
    """S3 bucket policy."""
    yield from plain_requests(resource, stack, "aws:s3/bucketPolicy:BucketPolicy", "bucket")


@rule(
    "files-refuse-plain-nfs",
    Area.TRANSIT,
    Severity.MEDIUM,
    "File systems refuse clients without TLS",
    remedy=f"declare a FileSystemPolicy that denies * where {SECURE} is false",
    types=("aws:efs/fileSystem:FileSystem",),
)
def files_refuse_plain_nfs(resource: Resource, stack: Stack) -> Iterator[str]:
    """EFS file system policy."""
    yield from plain_requests(resource, stack, "aws:efs/fileSystemPolicy:FileSystemPolicy", "fileSystemId")


FORCED = {"postgres": ("rds.force_ssl", {"1"}), "mysql": ("require_secure_transport", {"1", "ON"})}
"""Parameter that enforces TLS, and its values, by engine."""


@rule(
    "databases-force-tls",
    Area.TRANSIT,
    Severity.HIGH,
    "Databases refuse connections without TLS",
    remedy="give the instance a parameter group with rds.force_ssl: 1 (Postgres), require_secure_transport: ON (MySQL)",
    types=("aws:rds/instance:Instance",),
)
def databases_force_tls(resource: Resource, stack: Stack) -> Iterator[str]:
    """RDS parameter group."""
    wanted = FORCED.get(str(resource.at("engine")))
    if resource.at("engine") is UNKNOWN:
        return
    if wanted is None:
        yield f"engine {resource.at('engine')} is not one of {', '.join(FORCED)}"
        return
    name = resource.at("parameterGroupName")
    groups = [
        group
        for group in stack.of("aws:rds/parameterGroup:ParameterGroup")
        if name and ({name, group.at("name")} & {UNKNOWN} or name in {group.at("name"), group.id})
    ]
    values = {at(item, "name"): str(at(item, "value")) for group in groups for item in entries(group.at("parameters"))}
    if name is not UNKNOWN and UNKNOWN not in values and values.get(wanted[0]) not in wanted[1]:
        yield f"{wanted[0]} is {values.get(wanted[0])} in parameter group {name}"


@rule(
    "redis-tls",
    Area.TRANSIT,
    Severity.HIGH,
    "Redis refuses connections without TLS",
    remedy="set transitEncryptionEnabled, and transitEncryptionMode to required",
    types=("aws:elasticache/replicationGroup:ReplicationGroup",),
)
def redis_tls(resource: Resource, _stack: Stack) -> Iterator[str]:
    """ElastiCache in transit."""
    if not is_true(resource.at("transitEncryptionEnabled")):
        yield f"transitEncryptionEnabled is {resource.at('transitEncryptionEnabled')}"
    if resource.at("transitEncryptionMode") == "preferred":
        yield "transitEncryptionMode is preferred, which accepts clients without TLS"


@rule(
    "redis-authenticates",
    Area.IDENTITY,
    Severity.HIGH,
    "Redis authenticates its clients",
    remedy="set authToken or userGroupIds",
    types=("aws:elasticache/replicationGroup:ReplicationGroup",),
)
def redis_authenticates(resource: Resource, _stack: Stack) -> Iterator[str]:
    """ElastiCache AUTH or user groups."""
    if not any(is_set(resource.at(key)) for key in ("authToken", "authTokenWo", "userGroupIds")):
        yield "neither authToken nor userGroupIds is set"


PLAIN = {
    r"sslmode=(disable|allow|prefer)\b": "connects to Postgres without mandatory TLS",
    r"\bredis://": "connects to Redis without TLS",
    r"\bmysql://[^ ]*tls=false": "connects to MySQL without TLS",
    r"http://[a-z0-9.-]*\.amazonaws\.com": "connects to AWS without TLS",
}

UNVERIFIED = {
    r"sslmode=(require|verify-ca)\b": "uses TLS without verifying the server",
    r"\"tls\": *\"(skip-verify|preferred)\"": "uses TLS without verifying the server",
}
"""Patterns of TLS without verification, in a connection string or a configuration file."""


@rule(
    "connections-use-tls",
    Area.TRANSIT,
    Severity.HIGH,
    "Configured connections use TLS and verify the server",
    remedy="use sslmode=verify-full, rediss:// and https://",
    types=("kubernetes:*",),
)
def connections_use_tls(resource: Resource, stack: Stack) -> Iterator[Problem]:
    """Connection strings in Secrets, ConfigMaps and pods; on a single machine there is no network to protect."""
    if not stack.profile.cloud:
        return
    patterns = PLAIN | UNVERIFIED
    for path, text in texts(resource.inputs):
        yield from (Problem(path, message) for pattern, message in patterns.items() if re.search(pattern, text))
    found = pod(resource)
    for name, container, _ in found.containers() if found else ():
        for item in entries(container.get("env")):
            if at(item, "name") == "PGSSLMODE" and at(item, "value") not in {"verify-full", UNKNOWN}:
                yield Problem(name, f"PGSSLMODE is {at(item, 'value')}")


CERTIFICATE = "service.beta.kubernetes.io/aws-load-balancer-ssl-cert"
PORTS = "service.beta.kubernetes.io/aws-load-balancer-ssl-ports"
ENVOY_SERVICE = ("spec", "provider", "kubernetes", "envoyService")


def _ports(listeners: list[Data]) -> str:
    return ",".join(sorted(str(at(item, "port")).removesuffix(".0") for item in listeners))


@rule(
    "gateways-use-tls",
    Area.TRANSIT,
    Severity.HIGH,
    "Gateways serve users over TLS",
    remedy="give the Gateway a listener with protocol HTTPS, or its load balancer a certificate",
    types=("kubernetes:gateway.networking.k8s.io/*:Gateway",),
)
def gateways_use_tls(resource: Resource, stack: Stack) -> Iterator[str]:
    """Gateway API listeners, or the load balancer in front of Envoy; not on a single machine."""
    listeners = entries(resource.at("spec", "listeners"))
    notes = [item.at(*ENVOY_SERVICE, "annotations") for item in stack.of(ENVOY_PROXY)]
    if any(is_set(at(note, CERTIFICATE)) and at(note, PORTS) == _ports(listeners) for note in notes):
        return
    if stack.profile.cloud and not any(at(item, "protocol") in {"HTTPS", "TLS", UNKNOWN} for item in listeners):
        protocols = ", ".join(str(at(item, "protocol")) for item in listeners)
        yield f"listeners use {protocols}" if protocols else "there are no listeners"


@rule(
    "certificates-checked",
    Area.TRANSIT,
    Severity.HIGH,
    "Clients verify certificates",
    remedy="configure the certificate authority of the server",
    types=("kubernetes:*",),
)
def certificates_checked(resource: Resource, _stack: Stack) -> Iterator[Problem]:
    """Switches that turn verification off."""
    pattern = re.compile(r"insecure-skip-tls-verify[=: ]*true|ssl_cert_reqs=none|verify_ssl: *false", re.IGNORECASE)
    yield from (
        Problem(path, "turns certificate verification off")
        for path, text in texts(resource.inputs)
        if pattern.search(text)
    )
    if resource.at("spec", "insecureSkipTLSVerify") is True:
        yield Problem("spec.insecureSkipTLSVerify", "turns certificate verification off")
