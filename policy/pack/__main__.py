"""The rules as a Pulumi policy pack: `pulumi preview --policy-pack policy/pack`, after `eval "$(mlp env)"`.

The engine passes a resource's inputs at its registration, and the whole stack at the end with outputs only. In a first
preview there are no outputs. So one policy stores the inputs, and the others check them at the end. pulumi-policy
converts the whole stack again for each policy, so each policy covers an area of rules and not one rule.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from policy.exceptions import exemptions, judge
from policy.model import Area, Resource
from policy.pack_adapter import message, registered, stack
from policy.rules import all_rules

SEEN: dict[str, Resource] = {}
"""Registered resources by URN."""


def _keep(args: ResourceValidationArgs, _report: ReportViolation) -> None:
    SEEN[args.urn] = registered(args, UnknownValueError)


def _policy(area: Area) -> StackValidationPolicy:
    rules = [rule for rule in all_rules() if rule.area is area]

    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        found = stack(args.resources, SEEN, UnknownValueError)
        findings = [finding for rule in rules for finding in rule.problems(found)]
        for finding in judge(findings, exemptions(), found.name).violations:
            report(message(finding), finding.resource.urn)

    return StackValidationPolicy(
        name=area.value,
        description=f"{len(rules)} rules on {area.value}: {', '.join(rule.id for rule in rules)}",
        validate=validate,
    )


def _warn(args: StackValidationArgs, report: ReportViolation) -> None:
    found = stack(args.resources, SEEN, UnknownValueError)
    findings = [finding for rule in all_rules() if rule.area is Area.SUPPORT for finding in rule.problems(found)]
    for finding in judge(findings, exemptions(), found.name).warnings:
        report(message(finding), finding.resource.urn)


PolicyPack(
    name="mlplatform",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[
        ResourceValidationPolicy(
            name="inputs", description="Stores the inputs of resources for the other policies.", validate=_keep
        ),
        *(_policy(area) for area in Area),
        StackValidationPolicy(
            name="warnings",
            description="Versions that leave standard support within the next months; does not fail.",
            validate=_warn,
            enforcement_level=EnforcementLevel.ADVISORY,
        ),
    ],
)
