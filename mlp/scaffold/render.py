"""Renders the files of a new application, and adds it to the catalog and to the stacks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from string import Template

from common.errors import UserError

TEMPLATES = Path(__file__).parent / "application"
NAME = re.compile(r"[a-z][a-z0-9]{1,29}")

SECTION = """  mlplatform:{name}:
    replicas: {replicas}
    size: {{cpu: 50m, memory: 64Mi, cpu_limit: 500m, memory_limit: 128Mi}}
"""


def words(name: str) -> dict[str, str]:
    """Return the values of the templates' placeholders for application `name`."""
    return {"name": name, "title": name.capitalize(), "kind": name.capitalize(), "constant": name.upper()}


def refuse_unusable(name: str, root: Path) -> None:
    """Refuse a name that is not valid as a package, a namespace and a key, or that is in use.

    Raises:
        UserError: The name is not valid or in use.
    """
    if not NAME.fullmatch(name):
        raise UserError(
            "This name is not valid for an application.",
            seen=name,
            allowed="2 to 30 lower-case letters and digits, starting with a letter",
            next_step="mlp new application NAME",
        )
    folder = root / "components" / "applications" / name
    if folder.exists() or (folder.parent / f"{name}.py").exists():
        raise UserError(
            "An application or a module of this name exists already.",
            seen=f"components/applications/{name}",
            allowed="a name that is not taken",
            next_step="mlp new application ANOTHER-NAME",
        )


def files(name: str) -> dict[str, str]:
    """Return the content of every new file, by its path in the repository."""
    folder = f"components/applications/{name}"
    filled = {path.name: Template(path.read_text(encoding="utf-8")).substitute(words(name)) for path in _templates()}
    return {
        f"{folder}/__init__.py": f'"""{words(name)["title"]}."""\n',
        f"{folder}/description.py": filled["description.py.txt"],
        f"{folder}/names.py": filled["names.py.txt"],
        f"{folder}/settings.py": filled["settings.py.txt"],
        f"{folder}/component.py": filled["component.py.txt"],
        f"{folder}/guide.md": filled["guide.md.txt"],
        f"tests/unit/components/applications/test_{name}.py": filled["test.py.txt"],
    }


def _templates() -> list[Path]:
    return sorted(TEMPLATES.glob("*.txt"))


def listed(catalog: str, name: str) -> str:
    """Return the source of the catalog with an application appended."""
    constant = words(name)["constant"]
    line = f"from components.applications.{name}.description import {constant}"
    imports = [text for text in catalog.splitlines() if text.startswith("from components.applications.")]
    ordered = sorted([*imports, line])
    head, _, tail = catalog.partition("\n".join(imports))
    return head + "\n".join(ordered) + tail.removesuffix(")\n") + f"    {constant},\n)\n"


def with_section(stack_file: str, name: str) -> str:
    """Return the text of a stack file with the section of a new application appended."""
    production = re.search(r"^\s+tier: production$", stack_file, re.MULTILINE) is not None
    return stack_file.rstrip("\n") + "\n" + SECTION.format(name=name, replicas=2 if production else 1)


def changes(name: str, root: Path) -> Mapping[Path, str]:
    """Return the content of every new or changed file, by its path.

    Raises:
        UserError: The name cannot be used.
    """
    refuse_unusable(name, root)
    catalog = root / "components" / "applications" / "catalog.py"
    stacks = sorted(
        path for path in (root / "stacks").glob("Pulumi.*.yaml") if "config:" in path.read_text(encoding="utf-8")
    )
    return {
        **{root / path: text for path, text in files(name).items()},
        catalog: listed(catalog.read_text(encoding="utf-8"), name),
        **{path: with_section(path.read_text(encoding="utf-8"), name) for path in stacks},
    }
