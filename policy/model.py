"""What rules look at and what they say: resources, stacks, rules, findings. Knows neither Pulumi nor a file format."""

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
"""Plain data in a provider's own shape: mappings, lists, texts, numbers, `SecretText`, `UNKNOWN`."""


class Severity(enum.StrEnum):
    """How bad a violation is; every one fails a run."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Area(enum.StrEnum):
    """What a rule guards."""

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
    """What an environment demands beyond what all do.

    Attributes:
        cloud: Whether it runs on AWS; else on a machine of its own, without a network to the outside.
        multi_az: Stateful services stand in more than one zone.
        protect_data: What holds data is protected against deletion, in Pulumi and in AWS.
        final_snapshots: Databases and Redis leave a last snapshot when they are removed.
        backup_days: Least retention of backups, in days; 0 where there are none.
        replicas: Least number of replicas of what serves users.
        tags: Tags that every AWS resource bears.
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
    """One resource as the engine gets it.

    Attributes:
        type: Pulumi's type token, `aws:s3/bucket:Bucket`.
        name: Its name in the program.
        urn: Its URN.
        inputs: Plain data in the provider's own spelling (`storageEncrypted`); secret strings are `SecretText`,
            what a preview cannot know is `UNKNOWN`.
        id: Its identity in the provider, as other resources refer to it; empty where unknown.
        protect: Whether Pulumi refuses to delete it.
        provider: Inputs of its provider.
        marked: Whether secrets among its inputs are marked as such; the engine tells a policy pack nothing of it.
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
        """Kind of a Kubernetes object or last part of any other type: `Deployment`, `Bucket`."""
        kind = self.inputs.get("kind")
        return kind if isinstance(kind, str) and self.kubernetes else self.type.rsplit(":", 1)[-1]

    @property
    def kubernetes(self) -> bool:
        """Whether it is an object of a Kubernetes cluster."""
        return self.type.startswith("kubernetes:")

    def at(self, *path: str) -> Data:
        """Return the input at `path`, None where there is none."""
        return at(self.inputs, *path)


def at(node: Data, *path: str) -> Data:
    """Return the value at `path` of nested mappings, None where there is none, UNKNOWN below what is unknown."""
    for key in path:
        if node is UNKNOWN:
            return UNKNOWN
        node = node.get(key) if isinstance(node, Mapping) else None
    return node


class SecretText(str):
    """Text that the engine keeps secret."""

    __slots__ = ()


class NotKnown(Exception):
    """A rule needs to look into what a preview cannot know, so it cannot judge the resource yet."""


class Unknown:
    """A value that a preview cannot know: it counts as set and as true; to look into it raises `NotKnown`."""

    def __repr__(self) -> str:
        """Return how messages show it."""
        return "unknown"

    def _refuse(self, *_: object) -> Data:
        raise NotKnown

    __iter__ = __contains__ = __len__ = __getitem__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse

    def __bool__(self) -> bool:
        """Count as set."""
        return True

    def __getattr__(self, name: str) -> Data:
        """Refuse methods of whatever it may turn out to be."""
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotKnown


UNKNOWN = Unknown()


def is_true(value: object) -> bool:
    """Whether a flag is on, also as text (`"true"`), or not known yet."""
    return value is True or value is UNKNOWN or value == "true"


def is_set(value: object) -> bool:
    """Whether there is a value other than an empty one, or one that is not known yet."""
    return value is UNKNOWN or bool(value)


@dataclass(frozen=True)
class Stack:
    """All resources of one stack.

    Attributes:
        name: Its name.
        profile: What its environment demands.
        resources: Its resources.
        today: The day that support ends are held against; the clock's, in UTC, unless told otherwise.
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
        """Yield the resources of some types, in which `*` stands for anything."""
        for kind, found in self.by_type.items():
            if any(fnmatchcase(kind, wanted) for wanted in types):
                yield from found

    def about(self, target: Resource, kind: str, key: str) -> Iterator[Resource]:
        """Yield the resources of type `kind` whose input `key` names `target`, by its id, ARN or name.

        Where that input is not known yet, the only one of its type is taken to be meant.

        Raises:
            NotKnown: Any of several may be meant.
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
    """What a rule found in one resource: which part of it, and what is wrong there.

    Attributes:
        where: The part.
        message: What is wrong.
        warning: Whether it will be wrong by a day to come and is not yet: a report shows it, nothing fails.
    """

    where: str
    message: str
    warning: bool = False


Check = Callable[[Resource, Stack], Iterator[str | Problem]]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule.

    Attributes:
        id: Short name; exceptions and reports use it.
        area: What it guards.
        severity: How bad a violation is.
        title: What must hold, as a sentence.
        remedy: What to do about a violation.
        types: Resource types that it looks at; `*` stands for anything.
        check: Yields what is wrong with one resource.
    """

    id: str
    area: Area
    severity: Severity
    title: str
    remedy: str
    types: Sequence[str]
    check: Check

    def problems(self, stack: Stack) -> Iterator[Finding]:
        """Yield what breaks the rule in a stack."""
        for resource in stack.of(*self.types):
            with contextlib.suppress(NotKnown):
                for problem in self.check(resource, stack):
                    said = problem if isinstance(problem, Problem) else Problem("", problem)
                    yield Finding(self, resource, said.where, said.message, warning=said.warning)


@dataclass(frozen=True)
class Finding:
    """A violation: which rule, in which resource and part of it, and what is wrong."""

    rule: Rule
    resource: Resource
    where: str
    message: str
    warning: bool = False

    @property
    def subject(self) -> str:
        """`Kind/name` of the resource, and the part of it after `#`, as exceptions name it."""
        return f"{self.resource.kind}/{self.resource.name}" + (f"#{self.where}" if self.where else "")


def rule(
    identity: str, area: Area, severity: Severity, title: str, *, remedy: str, types: Sequence[str]
) -> Callable[[Check], Rule]:
    """Make a rule of a function."""

    def make(check: Check) -> Rule:
        return Rule(
            id=identity, area=area, severity=severity, title=title, remedy=remedy, types=tuple(types), check=check
        )

    return make
