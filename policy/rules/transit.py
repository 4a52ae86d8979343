"""Everything on the wire is encrypted."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policy.model import UNKNOWN, Area, Data, Problem, Resource, Severity, Stack, at, is_set, is_true, rule
from policy.reading import ENVOY_PROXY, entries, pod, statements, texts

SECURE = "aws:SecureTransport"


def refuses_plain(document: object) -> bool:
    """Whether a resource policy denies everybody who comes without TLS."""
    return document is UNKNOWN or any(
        not item.allows and "*" in item.principals and str(at(item.condition, "Bool", SECURE)).lower() == "false"
        for item in statements(document)
    )


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
    found = stack.about(resource, "aws:s3/bucketPolicy:BucketPolicy", "bucket")
    if not any(refuses_plain(policy.at("policy")) for policy in found):
        yield f"no BucketPolicy denies what comes with {SECURE} false"


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
    found = stack.about(resource, "aws:efs/fileSystemPolicy:FileSystemPolicy", "fileSystemId")
    if not any(refuses_plain(policy.at("policy")) for policy in found):
        yield f"no FileSystemPolicy denies what comes with {SECURE} false"


FORCED = {"postgres": ("rds.force_ssl", {"1"}), "mysql": ("require_secure_transport", {"1", "ON"})}
"""Parameter that makes TLS mandatory, and its values, by engine."""


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
        yield f"engine {resource.at('engine')} is none of {', '.join(FORCED)}"
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
    "Redis speaks TLS only",
    remedy="set transitEncryptionEnabled, and transitEncryptionMode required",
    types=("aws:elasticache/replicationGroup:ReplicationGroup",),
)
def redis_tls(resource: Resource, _stack: Stack) -> Iterator[str]:
    """ElastiCache in transit."""
    if not is_true(resource.at("transitEncryptionEnabled")):
        yield f"transitEncryptionEnabled is {resource.at('transitEncryptionEnabled')}"
    if resource.at("transitEncryptionMode") == "preferred":
        yield "transitEncryptionMode preferred lets clients in without TLS"


@rule(
    "redis-authenticates",
    Area.IDENTITY,
    Severity.HIGH,
    "Redis asks clients who they are",
    remedy="set authToken or userGroupIds",
    types=("aws:elasticache/replicationGroup:ReplicationGroup",),
)
def redis_authenticates(resource: Resource, _stack: Stack) -> Iterator[str]:
    """ElastiCache AUTH or user groups."""
    if not any(is_set(resource.at(key)) for key in ("authToken", "authTokenWo", "userGroupIds")):
        yield "neither authToken nor userGroupIds is set"


PLAIN = {
    r"sslmode=(disable|allow|prefer)\b": "asks Postgres for no TLS",
    r"\bredis://": "speaks to Redis without TLS",
    r"\bmysql://[^ ]*tls=false": "asks MySQL for no TLS",
    r"http://[a-z0-9.-]*\.amazonaws\.com": "speaks to AWS without TLS",
}

UNVERIFIED = {
    r"sslmode=(require|verify-ca)\b": "encrypts without knowing whom it talks to",
    r"\"tls\": *\"(skip-verify|preferred)\"": "encrypts without knowing whom it talks to",
}
"""What turns TLS into a talk with anybody, in a connection string or a configuration file."""


@rule(
    "connections-use-tls",
    Area.TRANSIT,
    Severity.HIGH,
    "No configured connection goes without TLS, or to a database that is not verified",
    remedy="use sslmode=verify-full, rediss:// and https://",
    types=("kubernetes:*",),
)
def connections_use_tls(resource: Resource, stack: Stack) -> Iterator[Problem]:
    """Connection strings in Secrets, ConfigMaps and pods; inside one machine there is no wire."""
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
    "The entrance serves users over TLS",
    remedy="give the Gateway a listener with protocol HTTPS, or its load balancer a certificate",
    types=("kubernetes:gateway.networking.k8s.io/*:Gateway",),
)
def gateways_use_tls(resource: Resource, stack: Stack) -> Iterator[str]:
    """Gateway API listeners, or the load balancer before Envoy; a machine of its own has no wire."""
    listeners = entries(resource.at("spec", "listeners"))
    notes = [item.at(*ENVOY_SERVICE, "annotations") for item in stack.of(ENVOY_PROXY)]
    if any(is_set(at(note, CERTIFICATE)) and at(note, PORTS) == _ports(listeners) for note in notes):
        return
    if stack.profile.cloud and not any(at(item, "protocol") in {"HTTPS", "TLS", UNKNOWN} for item in listeners):
        yield f"listeners speak {', '.join(str(at(item, 'protocol')) for item in listeners) or 'nothing'}"


@rule(
    "certificates-checked",
    Area.TRANSIT,
    Severity.HIGH,
    "Nobody is told to trust any certificate",
    remedy="give the client the authority that signed the certificate",
    types=("kubernetes:*",),
)
def certificates_checked(resource: Resource, _stack: Stack) -> Iterator[Problem]:
    """Switches that turn verification off."""
    pattern = re.compile(r"insecure-skip-tls-verify[=: ]*true|ssl_cert_reqs=none|verify_ssl: *false", re.IGNORECASE)
    yield from (
        Problem(path, "turns verification off") for path, text in texts(resource.inputs) if pattern.search(text)
    )
    if resource.at("spec", "insecureSkipTLSVerify") is True:
        yield Problem("spec.insecureSkipTLSVerify", "turns verification off")
