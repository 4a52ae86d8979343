"""Commands refuse credentials of another account and protected data before they change anything."""

from __future__ import annotations

from typing import Any

import pytest

from common import paths
from common.errors import UserError
from infra.schema import Settings
from infra.settings import load_stack
from mlp import account, protection
from mlp.commands import destroy, preview, up


def settings(stack: str) -> Settings:
    return load_stack(paths.ROOT / "stacks" / f"Pulumi.{stack}.yaml")


def unasked(*_: object) -> None:
    pytest.fail("went on to ask AWS, or to build")


def test_another_account_is_refused_with_key_value_and_remedy(aws: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError) as caught:
        account.check_account(settings("prod"), "prod")
    for part in (
        "account 123456789012",
        "333333333333",
        "mlplatform:aws.account_id",
        "AWS_PROFILE",
        "Pulumi.prod.yaml",
    ):
        assert part in str(caught.value)


def test_the_stack_s_account_is_accepted(aws: pytest.MonkeyPatch) -> None:
    own = settings("prod")
    assert own.aws is not None
    moved = own.model_copy(update={"aws": own.aws.model_copy(update={"account_id": "123456789012"})})
    account.check_account(moved, "prod")


def test_no_credentials_are_refused_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(UserError, match="does not accept the credentials") as caught:
        account.check_account(settings("dev"), "dev")
    assert "aws sso login" in str(caught.value)


def test_a_command_for_aws_refuses_a_stack_without_it() -> None:
    assert account.on_aws(settings("dev"), "unused").region
    with pytest.raises(UserError, match="Stack local has no registry") as caught:
        account.on_aws(settings("local"), "Stack local has no registry.", next_step="mlp images load")
    for part in ("substrate: local", "a stack with substrate: aws", "mlp images load"):
        assert part in str(caught.value)


def test_the_local_stack_needs_no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "caller", unasked)
    account.check_account(settings("local"), "local")


@pytest.mark.parametrize("command", [up.command, preview.command, destroy.command])
def test_commands_check_before_they_do_anything(
    command: Any, aws: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    from artifacts import toolchain

    monkeypatch.setattr(toolchain, "ensure", unasked)
    with pytest.raises(UserError, match="another account"):
        command(stack="dev", **({"yes": True} if command is destroy.command else {}))


def test_destroy_refuses_protected_data_and_lists_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "caller", unasked)
    with pytest.raises(UserError) as caught:
        destroy.command(stack="prod", yes=True)
    message = str(caught.value)
    for part in (
        "Stack prod holds protected data; nothing was deleted.",
        "mlplatform:aws.protect_data: true",
        "mlplatform:aws.decommission to prod in stacks/Pulumi.prod.yaml",
        "3. mlp up --stack prod",
        "4. mlp destroy --stack prod",
    ):
        assert part in message


def test_destroy_refuses_a_state_that_still_protects_and_names_the_update_that_was_left_out() -> None:
    resources = [
        {"urn": f"urn:pulumi:prod::mlplatform::aws:rds/instance:Instance::db-{number}", "protect": number > 0}
        for number in range(5)
    ]
    with pytest.raises(UserError) as caught:
        protection.refuse_protected_resources({"resources": resources}, "prod")
    for part in ("nothing was deleted", "4 protected: db-1, db-2, db-3, ...", "mlp up --stack prod"):
        assert part in str(caught.value)
    protection.refuse_protected_resources({"resources": resources[:1]}, "prod")
    protection.refuse_protected_resources({}, "prod")


def test_staging_needs_no_decommission_and_dev_no_step_at_all() -> None:
    with pytest.raises(UserError) as caught:
        protection.refuse_while_protected(settings("staging"), "staging")
    assert "decommission" not in str(caught.value)
    protection.refuse_while_protected(settings("dev"), "dev")
    protection.refuse_while_protected(settings("local"), "local")


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        ("arn:aws:sts::333333333333:assumed-role/platform-admin/somebody", True),
        ("arn:aws:iam::333333333333:role/platform-admin", True),
        ("arn:aws:sts::333333333333:assumed-role/reader/platform-admin", False),
        ("arn:aws:iam::333333333333:user/somebody", False),
    ],
)
def test_sessions_of_administrators_are_known(arn: str, expected: bool) -> None:
    assert account.is_administrator(arn, ("arn:aws:iam::333333333333:role/team/platform-admin",)) is expected
