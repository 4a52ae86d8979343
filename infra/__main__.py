"""Entry point of the Pulumi program, with plain `pulumi` and with `mlp`."""

import os
import sys

import pulumi
from pulumi.runtime.settings import get_monitor

from common.errors import UserError
from infra.program import program
from infra.sdk_speed import paced
from infra.settings import from_pulumi
from infra.state import guards, recorded
from infra.substrates import kubeconfig_path

OUTSIDE = UserError(
    "This program runs only inside of Pulumi's engine.",
    seen="python -m infra without an engine",
    allowed="mlp preview, mlp up, or plain pulumi after mlp env",
    next_step="mlp preview --stack local",
)

if get_monitor() is None:
    sys.exit(str(OUTSIDE))

stack = pulumi.get_stack()
backend = os.environ.get("PULUMI_BACKEND_URL", "")
deployment = recorded.deployment(backend, stack)
try:
    recorded.refuse_foreign(deployment, backend, stack)
    local = from_pulumi().local
    # The recorded deployment can be read from file backends only.
    known = local is not None and recorded.is_plain(backend)
    guards.check_in_program(
        deployment,
        stack,
        dry_run=pulumi.runtime.is_dry_run(),
        local=local is not None,
        cluster=guards.LocalCluster(kubeconfig_path(local), backend) if local and known else None,
    )
    paced(program)()
except UserError as error:
    raise pulumi.RunError(str(error)) from None  # the engine shows a RunError without a traceback
