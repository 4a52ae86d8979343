"""Data model of the policy: resources, stacks, rules, findings. Independent of Pulumi and of file formats."""

from __future__ import annotations

import contextlib
import datetime
import enum
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

Data: TypeAlias = Any
"""Plain data in the provider's form: mappings, lists, strings, numbers, `SecretText`, `UNKNOWN`."""


class Severity(enum.StrEnum):
    """Severity of a violation; a violation of any severity fails a run."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Area(enum.StrEnum):
    """Subject of a rule."""

    ENCRYPTION = "encryption"
    EXPOSURE = "exposure"
    TRANSIT = "transit"
    IDENTITY = "identity"
    AUDIT = "audit"
    BACKUP = "backup"
    AVAILABILITY = "availability"
    PROTECTION = "protection"
    TAGS = "tags"
    IMAGES = "images"
    PODS = "pods"
    SECRETS = "secrets"
    SUPPORT = "support"


@dataclass(frozen=True)
class Profile:
    """Requirements of an environment in addition to those of all environments.

    Attributes:
        cloud: Whether it runs on AWS; otherwise on one machine, without a network to the outside.
        multi_az: Stateful services run in more than one zone.
        protect_data: Resources with data are protected against deletion, in Pulumi and in AWS.
        final_snapshots: Databases and Redis leave a final snapshot when they are deleted.
        backup_days: Shortest retention of backups, in days; 0 without backups.
        replicas: Smallest number of replicas of a server for users.
        tags: Tags that every AWS resource must have.
    """

    cloud: bool
    multi_az: bool
    protect_data: bool
    final_snapshots: bool
    backup_days: int
    replicas: int
    tags: Sequence[str] = ()


@dataclass(frozen=True)
class Resource:
    """One resource as the engine receives it.

    Attributes:
        type: Pulumi's type token, `aws:s3/bucket:Bucket`.
        name: Name in the program.
        urn: URN.
        inputs: Plain data with the provider's spelling (`storageEncrypted`); secret strings are `SecretText`, values
            that a preview cannot know are `UNKNOWN`.
        id: Id in the provider, with which other resources refer to it; empty when unknown.
        protect: Whether Pulumi refuses to delete it.
        provider: Inputs of its provider.
        marked: Whether secrets in the inputs are marked; the engine does not pass the marks to a policy pack.
    """

    type: str
    name: str
    urn: str
    inputs: Mapping[str, Data]
    id: str = ""
    protect: bool = False
    provider: Mapping[str, Data] = field(default_factory=dict)
    marked: bool = True

    @property
    def kind(self) -> str:
        """Kind of a Kubernetes object, or last part of any other type: `Deployment`, `Bucket`."""
        kind = self.inputs.get("kind")
        return kind if isinstance(kind, str) and self.kubernetes else self.type.rsplit(":", 1)[-1]

    @property
    def kubernetes(self) -> bool:
        """Whether it is an object of a Kubernetes cluster."""
        return self.type.startswith("kubernetes:")

    def at(self, *path: str) -> Data:
        """Return the input at `path`; None when it does not exist."""
        return at(self.inputs, *path)


def at(node: Data, *path: str) -> Data:
    """Return the value at `path` of nested mappings; None when it does not exist, UNKNOWN below an unknown value."""
    for key in path:
        if node is UNKNOWN:
            return UNKNOWN
        node = node.get(key) if isinstance(node, Mapping) else None
    return node


class SecretText(str):
    """String that is a secret of the engine."""

    __slots__ = ()


class NotKnown(Exception):
    """A rule needs a value that a preview cannot know, so the resource cannot be judged yet."""


class Unknown:
    """A value that a preview cannot know. It counts as set and as true; reading its content raises `NotKnown`."""

    def __repr__(self) -> str:
        """Return the text for messages."""
        return "unknown"

    def _refuse(self, *_: object) -> Data:
        raise NotKnown

    __iter__ = __contains__ = __len__ = __getitem__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse

    def __bool__(self) -> bool:
        """Count as set."""
        return True

    def __getattr__(self, name: str) -> Data:
        """Refuse every method and attribute."""
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotKnown


UNKNOWN = Unknown()


def is_true(value: object) -> bool:
    """Tell whether a flag is on, also as text (`"true"`), or not known yet."""
    return value is True or value is UNKNOWN or value == "true"


def is_set(value: object) -> bool:
    """Tell whether a value is not empty, or not known yet."""
    return value is UNKNOWN or bool(value)


@dataclass(frozen=True)
class Stack:
    """All resources of one stack.

    Attributes:
        name: Name of the stack.
        profile: Requirements of its environment.
        resources: Its resources.
        today: Date with which ends of support are compared; by default the current date in UTC.
    """

    name: str
    profile: Profile
    resources: Sequence[Resource]
    today: datetime.date = field(default_factory=lambda: datetime.datetime.now(datetime.UTC).date())

    @functools.cached_property
    def by_type(self) -> Mapping[str, Sequence[Resource]]:
        """Resources by type."""
        found: dict[str, list[Resource]] = {}
        for resource in self.resources:
            found.setdefault(resource.type, []).append(resource)
        return found

    def of(self, *types: str) -> Iterator[Resource]:
        """Yield the resources of some types; `*` matches anything."""
        for kind, found in self.by_type.items():
            if any(fnmatchcase(kind, wanted) for wanted in types):
                yield from found

    def about(self, target: Resource, kind: str, key: str) -> Iterator[Resource]:
        """Yield the resources of type `kind` whose input `key` refers to `target`, by its id, ARN or name.

        When that input is not known yet, the only resource of its type is assumed to refer to `target`.

        Raises:
            NotKnown: Several resources may refer to `target`.
        """
        names = {target.id, target.at(key), target.at("arn")} - {"", None, UNKNOWN}
        named = [(other, other.at(key)) for other in self.of(kind)]
        exact = [other for other, name in named if name in names]
        maybe = [other for other, name in named if name is UNKNOWN]
        if not exact and len(maybe) > 1:
            raise NotKnown
        yield from exact or maybe


@dataclass(frozen=True)
class Problem:
    """A problem in one part of a resource.

    Attributes:
        where: Part of the resource.
        message: Description of the problem.
        warning: Whether the problem begins at a later date; a report shows it and does not fail.
    """

    where: str
    message: str
    warning: bool = False


Check = Callable[[Resource, Stack], Iterator[str | Problem]]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule.

    Attributes:
        id: Short name, used in exceptions and reports.
        area: Subject of the rule.
        severity: Severity of a violation.
        title: The requirement, as a sentence.
        remedy: How to correct a violation.
        types: Resource types that the rule checks; `*` matches anything.
        check: Yields the problems of one resource.
    """

    id: str
    area: Area
    severity: Severity
    title: str
    remedy: str
    types: Sequence[str]
    check: Check

    def problems(self, stack: Stack) -> Iterator[Finding]:
        """Yield the violations of the rule in a stack."""
        for resource in stack.of(*self.types):
            with contextlib.suppress(NotKnown):
                for found in self.check(resource, stack):
                    problem = found if isinstance(found, Problem) else Problem("", found)
                    yield Finding(self, resource, problem.where, problem.message, warning=problem.warning)


@dataclass(frozen=True)
class Finding:
    """A violation of a rule in one part of a resource."""

    rule: Rule
    resource: Resource
    where: str
    message: str
    warning: bool = False

    @property
    def subject(self) -> str:
        """`Kind/name` of the resource, and the part after `#`, as in exceptions."""
        return f"{self.resource.kind}/{self.resource.name}" + (f"#{self.where}" if self.where else "")


def rule(
    identity: str, area: Area, severity: Severity, title: str, *, remedy: str, types: Sequence[str]
) -> Callable[[Check], Rule]:
    """Decorate a function that checks one resource, and return the rule."""

    def make(check: Check) -> Rule:
        return Rule(
            id=identity, area=area, severity=severity, title=title, remedy=remedy, types=tuple(types), check=check
        )

    return make
