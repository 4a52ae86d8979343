"""Error messages of the provider are reduced to their reasons."""

from __future__ import annotations

from mlp.engine.messages import TAKE_BACK, readable

URN = "urn:pulumi:local::mlplatform::kubernetes:apps/v1:Deployment::mlflow"

NOT_READY = f"""2 errors occurred:
\t* resource "{URN}" was successfully created, but the Kubernetes API server reported that it failed to fully initialize or become live: 'mlflow' timed out waiting to be Ready
\t* [MinimumReplicasUnavailable] Deployment does not have minimum availability.

"""  # noqa: E501 - as it comes
NOT_UPDATED = """1 error occurred:
\t* the Kubernetes API server reported that "mlflow/mlflow" failed to fully initialize or become live: 'mlflow' timed out waiting to be Ready
"""  # noqa: E501
CONFLICT = f"""update of resource "{URN}" failed: Server-Side Apply field conflict detected. See https://www.pulumi.com/x/#y for troubleshooting help.
The resource managed by field manager "mlplatform" had an apply conflict: Apply failed with 1 conflict: conflict with "kubectl-edit" using apps/v1: .spec.replicas"""  # noqa: E501


def test_reasons_come_first_each_on_a_line() -> None:
    assert readable(NOT_READY).split("\n    ") == [
        "'mlflow' timed out waiting to be Ready",
        "[MinimumReplicasUnavailable] Deployment does not have minimum availability.",
    ]
    assert readable(NOT_UPDATED) == "'mlflow' timed out waiting to be Ready"


def test_a_conflict_names_whose_field_it_is_and_what_to_do() -> None:
    first, remedy = readable(CONFLICT).split("\n    ")
    assert first == 'Apply failed with 1 conflict: conflict with "kubectl-edit" using apps/v1: .spec.replicas'
    assert remedy == TAKE_BACK


def test_other_messages_stay_as_they_are() -> None:
    assert readable("  the program failed: no such image\n") == "the program failed: no such image"
