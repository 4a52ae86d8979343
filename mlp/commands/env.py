"""`mlp env`: print the environment in which plain `pulumi` works on the state that `mlp up` uses."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping

import typer

from common import paths
from common.errors import UserError
from common.progress import console
from mlp.options import Stack


def command(stack: Stack = "local") -> None:
    """Print shell commands: after `eval "$(mlp env)"`, plain `pulumi` works on the stack."""
    with _progress_to_stderr():
        variables = pulumi_environment(stack)
    typer.echo("\n".join(f"export {name}={shlex.quote(text)}" for name, text in sorted(variables.items())))


def pulumi_environment(stack: str) -> dict[str, str]:
    """Build what the CLI and the program need, and return the variables with which the CLI finds it.

    Raises:
        UserError: A setting is wrong, a build failed, or the state belongs to another program.
    """
    from artifacts import images, manifests, toolchain
    from infra.settings import load_stack, stack_file
    from infra.state import recorded
    from mlp.engine import stackfiles
    from mlp.engine.environment import backend_url, engine_environment
    from providers import ambient, tools

    file = stack_file(stack)
    settings = load_stack(file)
    held = recorded.deployment(backend_url(), stack)
    recorded.refuse_foreign(held, backend_url(), stack)
    toolchain.ensure([*tools(), "helm-render"])
    manifests.ensure()
    if settings.local is not None:
        images.resolve()  # so that a preview and the update that follows name the same images
    _policy_environment()
    variables = {**engine_environment(), "PULUMI_STACK": stack}
    environment = {**os.environ, **variables}
    ambient.refuse_foreign(environment)
    stackfiles.keep_out_of_commits(paths.ROOT)
    if backend_url().startswith("file://"):
        stackfiles.agree(file, recorded.salt(held))
        if not held:
            _create(stack, environment)
        stackfiles.note_unchanged(paths.ROOT, file)
    return variables


def _policy_environment() -> None:
    """Create the Python environment of the policy pack; only `--policy-pack` needs it."""
    from policy import environments

    try:
        environments.ensure_policy_pack()
    except UserError as error:
        console.print(f"  [yellow]--policy-pack policy/pack does not work yet:[/] {error.what}", markup=True)


def _create(stack: str, environment: Mapping[str, str]) -> None:
    """Create an empty stack, as `mlp up` does; the user then needs no `pulumi stack init`."""
    from mlp.engine.environment import SECRETS_PROVIDER

    provider = environment.get(SECRETS_PROVIDER)
    encrypted = ["--secrets-provider", provider] if provider else []
    done = subprocess.run(
        ["pulumi", "stack", "init", stack, "--no-select", "--non-interactive", *encrypted],
        cwd=paths.ROOT,
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and "already exists" not in done.stderr:
        raise UserError(
            f"Stack {stack} could not be created.", seen=done.stderr.strip()[-1000:], next_step="mlp doctor"
        )


@contextlib.contextmanager
def _progress_to_stderr() -> Iterator[None]:
    """Send progress to standard error, because the shell evaluates standard output."""
    stdout = console.file
    console.file = sys.stderr
    try:
        yield
    finally:
        console.file = stdout
