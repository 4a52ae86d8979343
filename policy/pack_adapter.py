"""Converts the resources that pulumi-policy passes to a policy pack into resources for rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from policy.model import UNKNOWN, Data, Finding, Resource, Stack
from policy.profiles import STRICTEST, profile
from policy.reading import provider_inputs


class Options(Protocol):
    """Options of a resource."""

    protect: bool


class Provider(Protocol):
    """The provider of a resource."""

    props: Mapping[str, Data]


class Registered(Protocol):
    """A resource in the form of pulumi-policy's `ResourceValidationArgs`."""

    resource_type: str
    props: Mapping[str, Data]
    urn: str
    name: str

    @property
    def opts(self) -> Options:
        """Its options."""
        ...

    @property
    def provider(self) -> Provider | None:
        """Its provider; None when it has no provider."""
        ...


class Made(Protocol):
    """A resource in the form of pulumi-policy's `PolicyResource`."""

    props: Mapping[str, Data]
    urn: str


def plain(value: Data, unknown: type[Exception]) -> Data:
    """Return plain data for a proxy of pulumi-policy, which raises `unknown` for values that a preview cannot know."""
    if isinstance(value, Mapping):
        return {key: _read(lambda key=key: value[key], unknown) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_read(lambda number=number: value[number], unknown) for number in range(len(value))]
    return value


def _read(look: Callable[[], Data], unknown: type[Exception]) -> Data:
    try:
        return plain(look(), unknown)
    except unknown:
        return UNKNOWN


def stack_of(urn: str) -> str:
    """Return the stack's name in a URN: `urn:pulumi:STACK::PROJECT::TYPE::NAME`."""
    return urn.split("::", 1)[0].rsplit(":", 1)[-1]


def registered(item: Registered, unknown: type[Exception]) -> Resource:
    """Return the resource for a registration.

    Args:
        item: The resource, with its inputs.
        unknown: Exception that its proxies raise for values that are not known yet.
    """
    return Resource(
        type=item.resource_type,
        name=item.name,
        urn=item.urn,
        inputs=plain(item.props, unknown),
        protect=item.opts.protect,
        provider=provider_inputs(plain(item.provider.props, unknown)) if item.provider else {},
        marked=False,
    )


def stack(made: Iterable[Made], seen: Mapping[str, Resource], unknown: type[Exception]) -> Stack:
    """Return the stack at the end of an operation, with the ids of resources where they are known.

    Args:
        made: All resources of the stack, with outputs.
        seen: Registered resources by URN.
        unknown: Exception that proxies raise for values that are not known yet.
    """
    found = [replace(seen[item.urn], id=identity(item.props, unknown)) for item in made if item.urn in seen]
    name = stack_of(found[0].urn) if found else STRICTEST
    return Stack(name=name, profile=profile(name), resources=found)


def identity(props: Mapping[str, Data], unknown: type[Exception]) -> str:
    """Return a resource's id; empty when it is not known yet."""
    found = _read(lambda: props.get("id"), unknown)
    return found if isinstance(found, str) else ""


def message(finding: Finding) -> str:
    """Return the text of a finding for the engine: rule, part, problem, remedy."""
    where = f" {finding.where}:" if finding.where else ""
    return f"{finding.rule.id} ({finding.rule.severity.value}):{where} {finding.message}; {finding.rule.remedy}"
