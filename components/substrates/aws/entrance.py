"""Users' access to the Gateway: a network load balancer with a certificate, and a DNS name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.substrates.contract import GatewayExposure

ANNOTATION = "service.beta.kubernetes.io/aws-load-balancer"
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
HTTPS = 443


@dataclass(frozen=True, kw_only=True)
class EntranceArgs:
    """Arguments of `Entrance`.

    Attributes:
        host: DNS name of the platform.
        zone_id: Route 53 hosted zone that contains the name.
        internal: Whether only the VPC and networks connected to it can reach the load balancer.
        cidrs: CIDRs that may connect.
        tags: Tags of the load balancer; Kubernetes creates it, so default tags do not apply.
    """

    host: str
    zone_id: str
    internal: bool
    cidrs: Sequence[str]
    tags: Mapping[str, str]


def balancer_annotations(args: EntranceArgs, certificate_arn: pulumi.Input[str]) -> dict[str, pulumi.Input[str]]:
    """Return the annotations of Envoy's Service that configure the load balancer and its DNS name."""
    tags = ",".join(f"{key}={value}" for key, value in sorted(args.tags.items()))
    return {
        f"{ANNOTATION}-type": "nlb",
        f"{ANNOTATION}-internal": str(args.internal).lower(),
        f"{ANNOTATION}-cross-zone-load-balancing-enabled": "true",
        f"{ANNOTATION}-ssl-cert": certificate_arn,
        f"{ANNOTATION}-ssl-ports": str(HTTPS),
        f"{ANNOTATION}-ssl-negotiation-policy": TLS_POLICY,
        f"{ANNOTATION}-backend-protocol": "tcp",
        f"{ANNOTATION}-additional-resource-tags": tags,
        "external-dns.alpha.kubernetes.io/hostname": args.host,
    }


class Entrance(pulumi.ComponentResource):
    """The certificate, validated through DNS; the load balancer terminates TLS."""

    exposure: GatewayExposure

    def __init__(self, name: str, args: EntranceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:aws:Entrance", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        certificate = aws.acm.Certificate(
            name,
            domain_name=args.host,
            validation_method="DNS",
            key_algorithm="EC_prime256v1",
            tags={"Name": args.host},
            opts=child,
        )
        proof = certificate.domain_validation_options[0]
        record = aws.route53.Record(
            name,
            zone_id=args.zone_id,
            name=proof.resource_record_name,
            type=proof.resource_record_type,
            records=[proof.resource_record_value],
            ttl=300,
            allow_overwrite=True,
            opts=child,
        )
        valid = aws.acm.CertificateValidation(
            name, certificate_arn=certificate.arn, validation_record_fqdns=[record.fqdn], opts=child
        )
        self.exposure = GatewayExposure(
            gateway_class="mlplatform",
            service_type="LoadBalancer",
            cluster_ip=None,
            base_url=f"https://{args.host}",
            port=HTTPS,
            source_ranges=list(args.cidrs),
            service_annotations=balancer_annotations(args, valid.certificate_arn),
        )
        self.register_outputs({"url": self.exposure.base_url})
