"""Renders the files of a new application, and adds it to the catalog and to the stacks."""

from __future__ import annotations

import contextlib
import keyword
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from string import Template

import yaml

from common.errors import UserError
from components.applications.catalog import APPLICATIONS
from components.applications.checks import refuse_clashes
from components.applications.description import Address, Application, Route
from components.section import Section
from infra.schema import SETTINGS
from infra.settings import own_values

TEMPLATES = Path(__file__).parent / "application"
NAME = re.compile(r"[a-z][a-z0-9]{1,29}")

SECTION = """  mlplatform:{name}:
    replicas: {replicas}
    size: {{cpu: 50m, memory: 64Mi, cpu_limit: 500m, memory_limit: 128Mi}}
"""

RESERVED = {
    "context": "the class `Context` of the templates",
    "mysql": "a server of the local substrate",
    "namespace": "the constant `NAMESPACE` of the templates",
    "port": "the constant `PORT` of the templates",
    "postgres": "a server of the local substrate",
    "redis": "a server of the local substrate",
    "s3": "a server of the local substrate",
    "scope": "the class `Scope` of the templates",
}
"""Names that something else has, which no description shows."""

OTHER = "mlp new application ANOTHER-NAME"


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
            next_step=OTHER,
        )
    if taken := _taken(name):
        raise UserError(
            "This name cannot be used for an application.",
            seen=f"{name}, which is {taken}",
            allowed="a name that is not taken",
            next_step=OTHER,
        )
    for path in (root / path for path in (*files(name), page(name))):
        if path.exists():
            raise UserError(
                "A file of the new application exists already.",
                seen=path.relative_to(root),
                allowed="a name without files",
                next_step=f"{OTHER}, or remove the file",
            )


def _taken(name: str) -> str:
    """Return what has the name already, as a phrase; empty if nothing has."""
    if keyword.iskeyword(name):
        return "a keyword of Python"
    if name in SETTINGS.model_fields:
        return "a key of the settings"
    if hasattr(SETTINGS, name):
        return "an attribute of the settings' model"
    probe = Application(
        name=name,
        title=name,
        namespace=name,
        settings=Section,
        requires=("gateway",),
        routes=(Route(name=name, path=f"/{name}", service=name, port=1, protection="open"),),
        addresses={name: Address(path=f"/{name}")},
    )
    try:
        refuse_clashes((*APPLICATIONS, probe))
    except UserError as clash:
        return f"in use ({clash.allowed})"
    return RESERVED.get(name, "")


def page(name: str) -> str:
    """Return the path of the generated page of an application in the repository."""
    return f"docs/applications/{name}.md"


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
    """Return the source of the catalog with an application appended; `tidied` sorts its imports.

    Raises:
        UserError: The catalog names the application already, or its list is not found.
    """
    constant = words(name)["constant"]
    imported = list(re.finditer(r"^from components\.applications\..*\n", catalog, re.MULTILINE))
    tuple_end = re.search(r"^APPLICATIONS\b[^\n]*\(\n(?:[ #][^\n]*\n)*", catalog, re.MULTILINE)
    if not imported or tuple_end is None or re.search(rf"\b{constant}\b", catalog):
        raise UserError(
            "The application cannot be added to components/applications/catalog.py.",
            seen=f"{constant} in it" if tuple_end and imported else "no list `APPLICATIONS` with one line for each",
            allowed="imports of the descriptions, then `APPLICATIONS: ... = (` with one application on each line",
            next_step="repair components/applications/catalog.py, then run the command again",
        )
    start, end = imported[-1].end(), tuple_end.end()
    line = f"from components.applications.{name}.description import {constant}\n"
    return f"{catalog[:start]}{line}{catalog[start:end]}    {constant},\n{catalog[end:]}"


def with_section(stack_file: str, name: str, path: str) -> str:
    """Return the text of a stack file with the section of a new application at the end of its settings.

    Args:
        stack_file: Its text.
        name: Name of the application.
        path: Path of the file, for messages.

    Raises:
        UserError: The file is not YAML, has the section already, or its settings are not indented by two spaces.
    """
    values = own_values(_config(stack_file, path))
    if name in values:
        raise UserError(
            f"{path} has a section of this application already.",
            seen=f"mlplatform:{name}",
            allowed="no section of an application that does not exist",
            next_step=f"remove the section, or {OTHER}",
        )
    aws = values.get("aws")
    production = isinstance(aws, Mapping) and aws.get("tier") == "production"
    # Other keys may follow the settings: Pulumi appends `encryptionsalt`.
    settings = re.search(r"^config:.*(?:\n(?:[ #].*)?)*?(?=\n*(?:\n[^\s#]|\Z))", stack_file, re.MULTILINE)
    if settings is None:
        raise _unreadable(path, "no line `config:`")
    text = f"{stack_file[: settings.end()]}\n{SECTION.format(name=name, replicas=2 if production else 1)}"
    text += stack_file[settings.end() :].removeprefix("\n")
    if name not in own_values(_config(text, path)):
        raise _unreadable(path, "settings that are not indented by two spaces")
    return text


def _config(text: str, path: str) -> Mapping[str, object]:
    try:
        return yaml.safe_load(text)["config"] or {}
    except yaml.YAMLError as error:
        raise _unreadable(path, " ".join(str(error).split())) from None


def _unreadable(path: str, seen: str) -> UserError:
    return UserError(
        f"A section cannot be added to {path}.",
        seen=seen,
        allowed="YAML with a line `config:` and, below it, keys that are indented by two spaces",
        next_step=f"repair {path}, then run the command again",
    )


def changes(name: str, root: Path) -> Mapping[Path, str]:
    """Return the content of every new or changed file, by its path.

    Raises:
        UserError: The name cannot be used.
    """
    refuse_unusable(name, root)
    catalog = root / "components" / "applications" / "catalog.py"
    texts = {path: path.read_text(encoding="utf-8") for path in sorted((root / "stacks").glob("Pulumi.*.yaml"))}
    return {
        **{root / path: text for path, text in files(name).items()},
        catalog: listed(catalog.read_text(encoding="utf-8"), name),
        **{
            path: with_section(text, name, str(path.relative_to(root)))
            for path, text in texts.items()
            if re.search("^config:", text, re.MULTILINE)
        },
    }


@contextlib.contextmanager
def all_or_nothing(paths: Iterable[Path]) -> Iterator[None]:
    """Restore files, and remove new ones, if what is done meanwhile fails or is interrupted.

    Raises:
        UserError: A file cannot be written.
    """
    before = {path: path.read_bytes() if path.exists() else None for path in paths}
    folders = {path.parent for path in before if not path.parent.exists()}
    try:
        yield
    except BaseException as error:
        for path, content in before.items():
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True) if content is None else path.write_bytes(content)
        for folder in folders:
            with contextlib.suppress(OSError):
                folder.rmdir()
        if isinstance(error, OSError):
            raise UserError(
                "A file of the new application cannot be written; nothing was changed.",
                seen=f"{error.filename}: {error.strerror}",
                allowed="a checkout that this user may write to",
                next_step="run the command as the owner of the checkout",
            ) from None
        raise


def tidied(paths: Iterable[Path], root: Path) -> None:
    """Sort the imports and wrap the lines of Python files, because both depend on the name."""
    python = [str(path) for path in paths if path.suffix == ".py"]
    ruff = str(Path(sys.executable).with_name("ruff"))
    run([ruff, "check", "--quiet", "--select", "I", "--fix", *python], root)
    run([ruff, "format", "--quiet", *python], root)


def run(command: list[str], root: Path) -> None:
    """Run a program in the checkout.

    Raises:
        UserError: It failed; shows the end of what it printed.
    """
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(
            "The new application could not be completed; nothing was changed.",
            seen="\n           ".join((done.stderr + done.stdout).strip().splitlines()[-8:]),
            allowed="a checkout that passes `make check`",
            next_step="repair the checkout, then run the command again",
        )
