"""The substrate on AWS: EKS and the managed services around it, from `pulumi_aws` resources only."""

from components.substrates.aws.substrate import AwsSubstrate, AwsSubstrateArgs

__all__ = ["AwsSubstrate", "AwsSubstrateArgs"]
