"""`mlp bootstrap`: create the state backend of an AWS account, before its first stack."""

from __future__ import annotations

from typing import Annotated

import typer

from common.progress import console, step


def command(
    stack: Annotated[str, typer.Option("--stack", "-s", help="A stack on AWS; it sets the account and the region.")],
) -> None:
    """Create the bucket and the key for the state of an account's stacks; a second run corrects their settings."""
    import boto3

    from infra.settings import load_stack, stack_file
    from mlp.account import check_account, on_aws
    from mlp.bootstrap import State, ensure_bucket, ensure_key

    settings = load_stack(stack_file(stack))
    aws = on_aws(settings, f"Stack {stack} is not on AWS; its state is in .mlp/state.")
    check_account(settings, stack)
    state = State(account=aws.account_id, region=aws.region)
    with step(f"Creating the state backend of account {state.account} in {state.region}", estimate=10) as progress:
        progress.detail = "KMS key"
        key, _ = ensure_key(boto3.client("kms", region_name=state.region))
        progress.detail = "bucket"
        ensure_bucket(boto3.client("s3", region_name=state.region), state, key)
    console.print("\nFor mlp, in the shell or the environment of CI:")
    console.print(f"  export PULUMI_BACKEND_URL='{state.backend}'", markup=False)
    console.print(f"  export MLP_SECRETS_PROVIDER='{state.secrets_provider}'", markup=False)
    console.print("\nFor the Pulumi CLI:")
    console.print(f"  pulumi login '{state.backend}'", markup=False)
    console.print(f"  pulumi stack init {stack} --secrets-provider '{state.secrets_provider}'", markup=False)
    console.print(f"\nNext: mlp preview --stack {stack}")
