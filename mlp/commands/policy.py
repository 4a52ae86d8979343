"""`mlp policy`: check the resources of a stack against the policy rules, without an account or a cluster."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from common.progress import console
from mlp.options import Stack


def command(
    stack: Stack = "local",
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    rules: Annotated[bool, typer.Option("--rules", help="Only list the rules.")] = False,
) -> None:
    """Check every resource that a stack would declare against the policy rules; exit with status 1 on a violation."""
    from policy.report import document, report, tables

    if rules:
        from policy.rules import all_rules

        for rule in all_rules():
            console.print(f"{rule.severity.value:<9} {rule.area.value:<13} {rule.id:<32} {rule.title}", markup=False)
        return
    from common import progress
    from policy.render import render_stack

    _prepare(stack)
    if as_json:
        found = report(render_stack(stack))
        typer.echo(json.dumps(document(found), indent=1))
    else:
        with progress.step(f"Rendering the resources of stack {stack}", estimate=8):
            rendered = render_stack(stack)
        found = report(rendered)
        console.print(tables(found))
        console.print(
            f"{len(found.rules)} rules, {len(found.judged.violations)} violations,"
            f" {len(found.judged.warnings)} warnings, {len(found.judged.excused)} findings with an exception"
        )
    if not found.passed:
        raise typer.Exit(1)


def _prepare(stack: str) -> None:
    """Check the stack's values, and render upstream manifests that are missing."""
    from artifacts import manifests, toolchain
    from infra.settings import load_stack, stack_file

    load_stack(stack_file(stack))
    toolchain.ensure(["helm-render"])
    manifests.ensure()
