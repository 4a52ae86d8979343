"""Typed view of a stack's exported outputs, with the fields that checks use."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from client import platform as platforms
from client.platform import Platform
from common.errors import UserError
from smoke.result import CheckFailed


class Budgets(BaseModel):
    """Latency budgets at the 99th percentile, in milliseconds, and the largest age of an online feature, in seconds."""

    feature_ms: float
    predict_ms: float
    total_ms: float
    freshness_seconds: float = 3600.0


class SecretName(BaseModel):
    """Namespace and name of a Secret with credentials."""

    namespace: str
    secret: str


class TeamOutputs(BaseModel):
    """What a team has on the platform."""

    namespace: str
    credentials: dict[str, SecretName]


class Outputs(BaseModel):
    """The stack output `platform`, as `mlp up` exports it, and the team for which the checks run.

    `chosen_team` is None where the caller named none.
    """

    model_config = ConfigDict(extra="allow")

    environment: str
    kubeconfig: str | None = None
    urls: dict[str, str]
    namespaces: dict[str, str]
    buckets: dict[str, str]
    budgets: Budgets
    credentials: dict[str, SecretName]
    teams: dict[str, TeamOutputs]
    default_team: str
    chosen_team: str | None = None

    @property
    def team(self) -> str:
        """Team for which the checks run."""
        return self.chosen_team or self.default_team

    @property
    def platform(self) -> Platform:
        """The same outputs with clients of the platform."""
        return Platform(self.environment, self.model_dump(), self.team)

    def secret(self, name: str) -> dict[str, str]:
        """Return the decoded values of the Kubernetes Secret of credential `name`.

        Raises:
            CheckFailed: The Secret does not exist, or the cluster does not answer.
        """
        try:
            return self.platform.secret(name)
        except UserError as error:
            raise CheckFailed(one_line(error)) from error


def first_line(error: object) -> str:
    """Return the first line of an error's text, at most 300 characters, for a cell of a table."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:300]


def one_line(error: Exception) -> str:
    """Return all lines of an error's text joined into one, at most 2,000 characters."""
    return " · ".join(line.strip() for line in str(error).splitlines() if line.strip())[:2000]


def load(stack: str, folder: Path | None = None, *, team: str | None = None) -> Outputs:
    """Read the exported outputs of `stack`.

    Args:
        stack: Name of the stack.
        folder: Folder of the outputs files; `.mlp/outputs` when None.
        team: Team for which the checks run; the stack's default team when None.

    Raises:
        CheckFailed: The file does not exist, or does not have the schema that these checks know; or there is no such
            team.
    """
    try:
        outputs = platforms.load(stack, folder, team=team).outputs
        return Outputs.model_validate({**outputs, "chosen_team": team})
    except UserError as error:
        raise CheckFailed(one_line(error)) from None
    except ValidationError as error:
        raise CheckFailed(f"the outputs of stack {stack} do not have the expected fields: {error}") from None
