"""Entry point of the program, for plain `pulumi` and for `mlp` alike."""

import os

import pulumi

from common.errors import UserError
from infra.program import program
from infra.sdk_speed import paced
from infra.state import guards, recorded

stack = pulumi.get_stack()
backend = os.environ.get("PULUMI_BACKEND_URL", "")
deployment = recorded.deployment(backend, stack)
try:
    recorded.refuse_foreign(deployment, backend, stack)
    guards.in_program(
        deployment,
        stack,
        dry_run=pulumi.runtime.is_dry_run(),
        local=pulumi.Config("mlplatform").get("substrate") == "local",
    )
    paced(program)()
except UserError as error:
    raise pulumi.RunError(str(error)) from None  # the engine shows it without a traceback
