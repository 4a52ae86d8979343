"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Stack = Annotated[
    str, typer.Option("--stack", "-s", envvar="MLP_STACK", help="Environment: a file stacks/Pulumi.<stack>.yaml.")
]
Team = Annotated[
    str | None,
    typer.Option("--team", "-t", envvar="MLP_TEAM", help="Team; by default the stack's default team."),
]
