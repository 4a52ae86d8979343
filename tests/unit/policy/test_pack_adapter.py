"""Conversion of pulumi-policy's resources for the policy pack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from policy_world import Plant, planted

from common import paths
from policy.model import UNKNOWN, Stack
from policy.pack_adapter import message, plain, registered, stack
from policy.rules import all_rules


class NotYet(Exception):
    """Exception as pulumi-policy raises it."""


class Proxy(Mapping[str, Any]):
    """A mapping whose unknown values raise on access, as in pulumi-policy."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values_of = values

    def __getitem__(self, key: str) -> Any:
        if self.values_of[key] == "?":
            raise NotYet
        return self.values_of[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_of)

    def __len__(self) -> int:
        return len(self.values_of)


@dataclass
class Options:
    protect: bool = False


@dataclass
class Provider:
    props: Mapping[str, Any]


@dataclass
class Packed:
    resource_type: str
    name: str
    props: Mapping[str, Any]
    provider: Provider | None = None
    opts: Options = field(default_factory=Options)
    urn: str = ""

    def __post_init__(self) -> None:
        self.urn = f"urn:pulumi:staging::mlplatform::{self.resource_type}::{self.name}"


TAGS = '{"tags": {"Project": "ml", "Environment": "staging", "ManagedBy": "pulumi", "CostCenter": "ml"}}'
KEY = Packed(
    "aws:kms/key:Key",
    "key",
    Proxy({"enableKeyRotation": True, "deletionWindowInDays": "?", "id": "?"}),
    Provider({"region": "eu-central-1", "defaultTags": TAGS}),
    Options(protect=True),
)


def packed(*resources: Packed) -> Stack:
    seen = {item.urn: registered(item, NotYet) for item in resources}
    return stack([Packed("pulumi:pulumi:Stack", "stack", {}), *resources], seen, NotYet)


def findings(*resources: Packed) -> list[str]:
    found = packed(*resources)
    return [f"{item.rule.id}: {item.message}" for rule in all_rules() for item in rule.problems(found)]


def test_unknown_values_are_recognized_at_any_depth() -> None:
    assert plain(Proxy({"a": [Proxy({"b": "?"})], "c": "?", "d": 1.0}), NotYet) == {
        "a": [{"b": UNKNOWN}],
        "c": UNKNOWN,
        "d": 1.0,
    }


def test_a_resource_that_is_right_passes_though_parts_are_not_known() -> None:
    assert findings(KEY) == []


def test_options_providers_and_values_reach_the_rules() -> None:
    """Checks the option, the provider's tags and a value separately."""
    own = {"enableKeyRotation": True}
    assert findings(Packed(KEY.resource_type, "key", own, KEY.provider)) == ["data-protected: is not protected"]
    assert findings(Packed(KEY.resource_type, "key", own, Provider({}), KEY.opts)) == [
        "tagged: lacks CostCenter, Environment, ManagedBy, Project"
    ]
    assert findings(Packed(KEY.resource_type, "key", {}, KEY.provider, KEY.opts)) == [
        "keys-rotate: enableKeyRotation is None"
    ]


def test_the_stacks_name_chooses_the_profile() -> None:
    assert packed(KEY).name == "staging"
    assert packed(KEY).profile.backup_days == 7
    assert packed().name == "prod"


def test_inputs_are_judged_and_ids_come_with_the_outputs() -> None:
    seen = {KEY.urn: registered(KEY, NotYet)}
    [item] = stack([Packed(KEY.resource_type, "key", {"id": "key-1"})], seen, NotYet).resources
    assert (item.id, item.at("enableKeyRotation")) == ("key-1", True)
    [item] = stack([Packed(KEY.resource_type, "key", Proxy({"id": "?"}))], seen, NotYet).resources
    assert item.id == ""


def test_a_message_names_rule_and_remedy() -> None:
    plant = Plant("rds-encrypted", "Instance/db", ["storageEncrypted"], False, frozenset())
    [finding] = [item for rule in all_rules() for item in rule.problems(planted(plant))]
    assert message(finding).startswith("rds-encrypted (high): storageEncrypted is False; set storageEncrypted")


def test_the_pack_pins_what_it_needs() -> None:
    folder = paths.ROOT / "policy" / "pack"
    assert yaml.safe_load((folder / "PulumiPolicy.yaml").read_text())["runtime"]["name"] == "python"
    pinned = (folder / "requirements.txt").read_text()
    assert all(f"\n{name}==" in f"\n{pinned}" for name in ("pulumi-policy", "pydantic", "pyyaml"))
    assert "--hash=sha256:" in pinned
