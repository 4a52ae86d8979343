"""Rules on encryption at rest, with the platform's own keys."""

from __future__ import annotations

from collections.abc import Iterator

from policy.model import UNKNOWN, Area, Resource, Severity, Stack, at, is_set, is_true, rule
from policy.reading import entries

KEY = "aws:kms/key:Key"


def lacks_key(resource: Resource, flag: str, key: str = "kmsKeyId") -> Iterator[str]:
    """Yield the problems of a resource whose encryption needs a flag and a key."""
    if not is_true(resource.at(flag)):
        yield f"{flag} is {resource.at(flag)}"
    elif not is_set(resource.at(key)):
        yield f"{key} is not set"


@rule(
    "volumes-encrypted",
    Area.ENCRYPTION,
    Severity.HIGH,
    "Volumes of instances are encrypted",
    remedy="set ebs.encrypted on every block device mapping of the launch template, and encrypted on every volume",
    types=("aws:ec2/launchTemplate:LaunchTemplate", "aws:ebs/volume:Volume", "aws:ec2/instance:Instance"),
)
def volumes_encrypted(resource: Resource, _stack: Stack) -> Iterator[str]:
    """Launch templates, volumes and instances."""
    if resource.type.endswith(":Volume"):
        yield from lacks_key(resource, "encrypted")
        return
    if resource.type.endswith(":Instance"):
        if not is_true(resource.at("rootBlockDevice", "encrypted")):
            yield "rootBlockDevice.encrypted is not true"
        return
    devices = entries(resource.at("blockDeviceMappings"))
    if not devices:
        yield "no blockDeviceMappings: the volumes of the image are not encrypted"
    for device in devices:
        if not is_true(at(device, "ebs", "encrypted")):
            yield f"{at(device, 'deviceName')}: ebs.encrypted is {at(device, 'ebs', 'encrypted')}"


@rule(
    "rds-encrypted",
    Area.ENCRYPTION,
    Severity.HIGH,
    "Databases are encrypted with the platform's own key",
    remedy="set storageEncrypted and kmsKeyId",
    types=("aws:rds/instance:Instance", "aws:rds/cluster:Cluster"),
)
def rds_encrypted(resource: Resource, _stack: Stack) -> Iterator[str]:
    """RDS storage."""
    yield from lacks_key(resource, "storageEncrypted")


@rule(
    "rds-insights-encrypted",
    Area.ENCRYPTION,
    Severity.MEDIUM,
    "Performance Insights, which show statements, are encrypted with the platform's own key",
    remedy="set performanceInsightsKmsKeyId",
    types=("aws:rds/instance:Instance",),
)
def rds_insights_encrypted(resource: Resource, _stack: Stack) -> Iterator[str]:
    """RDS Performance Insights."""
    if is_true(resource.at("performanceInsightsEnabled")) and not is_set(resource.at("performanceInsightsKmsKeyId")):
        yield "performanceInsightsKmsKeyId is not set"


@rule(
    "redis-encrypted",
    Area.ENCRYPTION,
    Severity.HIGH,
    "Redis is encrypted at rest with the platform's own key",
    remedy="set atRestEncryptionEnabled and kmsKeyId",
    types=("aws:elasticache/replicationGroup:ReplicationGroup",),
)
def redis_encrypted(resource: Resource, _stack: Stack) -> Iterator[str]:
    """ElastiCache storage."""
    yield from lacks_key(resource, "atRestEncryptionEnabled")


@rule(
    "files-encrypted",
    Area.ENCRYPTION,
    Severity.HIGH,
    "File systems are encrypted with the platform's own key",
    remedy="set encrypted and kmsKeyId",
    types=("aws:efs/fileSystem:FileSystem",),
)
def files_encrypted(resource: Resource, _stack: Stack) -> Iterator[str]:
    """EFS."""
    yield from lacks_key(resource, "encrypted")


@rule(
    "buckets-encrypted",
    Area.ENCRYPTION,
    Severity.HIGH,
    "Buckets are encrypted with the platform's own key",
    remedy="declare a BucketServerSideEncryptionConfiguration with aws:kms and kmsMasterKeyId",
    types=("aws:s3/bucket:Bucket",),
)
def buckets_encrypted(resource: Resource, stack: Stack) -> Iterator[str]:
    """S3 default encryption."""
    kind = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    rules = [item for other in stack.about(resource, kind, "bucket") for item in entries(other.at("rules"))]
    if not rules:
        yield "no BucketServerSideEncryptionConfiguration"
    for item in rules:
        default = at(item, "applyServerSideEncryptionByDefault")
        if at(default, "sseAlgorithm") not in {"aws:kms", "aws:kms:dsse", UNKNOWN}:
            yield f"sseAlgorithm is {at(default, 'sseAlgorithm')}"
        elif not is_set(at(default, "kmsMasterKeyId")):
            yield "kmsMasterKeyId is not set"


@rule(
    "registry-encrypted",
    Area.ENCRYPTION,
    Severity.MEDIUM,
    "Image repositories are encrypted with the platform's own key",
    remedy="set encryptionConfigurations with encryptionType KMS and kmsKey",
    types=("aws:ecr/repository:Repository",),
)
def registry_encrypted(resource: Resource, _stack: Stack) -> Iterator[str]:
    """ECR."""
    found = entries(resource.at("encryptionConfigurations"))
    if not any(at(item, "encryptionType") in {"KMS", UNKNOWN} and is_set(at(item, "kmsKey")) for item in found):
        yield "no encryptionConfigurations with encryptionType KMS and a kmsKey"


@rule(
    "logs-encrypted",
    Area.ENCRYPTION,
    Severity.MEDIUM,
    "Log groups are encrypted with the platform's own key",
    remedy="set kmsKeyId",
    types=("aws:cloudwatch/logGroup:LogGroup",),
)
def logs_encrypted(resource: Resource, _stack: Stack) -> Iterator[str]:
    """CloudWatch logs."""
    if not is_set(resource.at("kmsKeyId")):
        yield "kmsKeyId is not set"


@rule(
    "messages-encrypted",
    Area.ENCRYPTION,
    Severity.MEDIUM,
    "Secrets, topics and queues are encrypted with the platform's own key",
    remedy="set kmsKeyId (for topics and queues kmsMasterKeyId)",
    types=("aws:secretsmanager/secret:Secret", "aws:sns/topic:Topic", "aws:sqs/queue:Queue"),
)
def messages_encrypted(resource: Resource, _stack: Stack) -> Iterator[str]:
    """Secrets Manager, SNS, SQS."""
    key = "kmsKeyId" if resource.type.startswith("aws:secretsmanager/") else "kmsMasterKeyId"
    if not is_set(resource.at(key)):
        yield f"{key} is not set"


@rule(
    "kubernetes-secrets-encrypted",
    Area.ENCRYPTION,
    Severity.HIGH,
    "EKS encrypts Secrets with the platform's own key",
    remedy="set encryptionConfig with resources [secrets] and provider.keyArn",
    types=("aws:eks/cluster:Cluster",),
)
def kubernetes_secrets_encrypted(resource: Resource, _stack: Stack) -> Iterator[str]:
    """Envelope encryption of Kubernetes Secrets."""
    config = resource.at("encryptionConfig")
    if "secrets" not in (at(config, "resources") or []) or not is_set(at(config, "provider", "keyArn")):
        yield f"encryptionConfig is {config}"


@rule(
    "keys-rotate",
    Area.ENCRYPTION,
    Severity.HIGH,
    "Keys rotate every year",
    remedy="set enableKeyRotation",
    types=(KEY,),
)
def keys_rotate(resource: Resource, _stack: Stack) -> Iterator[str]:
    """KMS rotation; KMS does not rotate asymmetric keys."""
    if not is_true(resource.at("enableKeyRotation")) and not is_set(resource.at("customerMasterKeySpec")):
        yield f"enableKeyRotation is {resource.at('enableKeyRotation')}"


@rule(
    "storage-classes-encrypted",
    Area.ENCRYPTION,
    Severity.HIGH,
    "Volumes that Kubernetes creates on EBS are encrypted",
    remedy='set the StorageClass parameter encrypted: "true"',
    types=("kubernetes:storage.k8s.io/v1:StorageClass",),
)
def storage_classes_encrypted(resource: Resource, _stack: Stack) -> Iterator[str]:
    """StorageClasses of the EBS CSI driver."""
    if resource.at("provisioner") == "ebs.csi.aws.com" and not is_true(resource.at("parameters", "encrypted")):
        yield f"parameters.encrypted is {resource.at('parameters', 'encrypted')}"
