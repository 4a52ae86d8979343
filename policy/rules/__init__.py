"""The rules, grouped in files by subject. `all_rules` returns all of them."""

from __future__ import annotations

import functools
import importlib

from policy.model import Rule

MODULES = (
    "encryption",
    "public_access",
    "transit",
    "hosts",
    "identity",
    "rbac",
    "audit",
    "backup",
    "availability",
    "protection",
    "tags",
    "images",
    "support",
    "pods",
    "workloads",
    "secrets",
)


@functools.cache
def all_rules() -> tuple[Rule, ...]:
    """Return every rule, in the order of reports.

    Raises:
        ValueError: Two rules have the same id.
    """
    modules = [importlib.import_module(f"policy.rules.{name}") for name in MODULES]
    found = [value for module in modules for value in vars(module).values() if isinstance(value, Rule)]
    rules = tuple(dict.fromkeys(found))
    if len({rule.id for rule in rules}) != len(rules):
        raise ValueError(f"rules with one id: {sorted(rule.id for rule in rules)}")
    return rules
