"""Defines the pipeline: connections of the steps, their resources and retries.

`python -m examples.flights.pipeline.definition` compiles it to `flights.yaml`.
"""

# ruff: noqa: ANN201, S106 -- kfp refuses a return annotation of a pipeline; names of Secrets are not secrets

from pathlib import Path

from kfp import compiler, dsl, kubernetes

from examples.flights.parameters import parameters
from examples.flights.pipeline import components, mounts
from examples.flights.pipeline.tracking import RUN_ID_VARIABLE

PACKAGE = Path(__file__).with_name("flights.yaml")
"""The compiled pipeline, which is committed and reviewed."""

PARAMS = parameters()

ATTEMPTS = {"load-features": 2, "train": 2, "evaluate": 1, "register": 2}
"""Retries of a failed step. Evaluation has one: after a failed quality gate another attempt gives the same result."""

RETRY_SECONDS = 3600
"""Time from the creation of the first attempt after which Argo ends the running attempt; longer than all attempts."""

SIZES = {"load-features": "1536Mi", "train": "1Gi", "evaluate": "1Gi", "register": "1Gi"}
"""Memory limit of each step."""


def configure(task: dsl.PipelineTask, step: str) -> dsl.PipelineTask:
    """Set a step's name, resources, retries, mounted settings and credentials."""
    task.set_display_name(step)
    task.set_cpu_request("250m").set_cpu_limit("2").set_memory_request("384Mi").set_memory_limit(SIZES[step])
    task.set_retry(ATTEMPTS[step], backoff_duration="5s", backoff_factor=2, backoff_max_duration=f"{RETRY_SECONDS}s")
    # Folders that libraries write to are in an emptyDir of the pod.
    task.set_env_variable("HOME", "/tmp")  # noqa: S108 an emptyDir of the pod
    task.set_env_variable("MPLCONFIGDIR", "/tmp/matplotlib")  # noqa: S108 as above
    task.set_env_variable("PYTHONUNBUFFERED", "1")
    task.set_env_variable("FEAST_USAGE", "False")
    # Wait half a minute for an MLflow that does not answer; the client's default is four minutes in each attempt.
    task.set_env_variable("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "4")
    task.set_env_variable("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    kubernetes.use_field_path_as_env(task, env_name=RUN_ID_VARIABLE, field_path="metadata.labels['pipeline/runid']")
    kubernetes.use_config_map_as_volume(task, config_map_name="platform", mount_path=str(mounts.SETTINGS))
    kubernetes.use_secret_as_volume(
        task, secret_name="object-store", mount_path=str(mounts.OBJECT_STORE), optional=True
    )
    kubernetes.use_secret_as_volume(task, secret_name="mlflow-client", mount_path=str(mounts.MLFLOW))
    kubernetes.use_secret_as_volume(task, secret_name="feast-config", mount_path=str(mounts.FEAST))
    kubernetes.set_image_pull_policy(task, "IfNotPresent")
    return task


@dsl.pipeline(name="flights", description="From the features of past flights to a registered model (challenger)")
def flights(
    snapshot: str = "",
    fresh: str = "",
    train_rows: int = PARAMS.training.train_rows,
    test_rows: int = PARAMS.training.test_rows,
    rounds: int = PARAMS.training.rounds,
    learning_rate: float = PARAMS.training.lightgbm["learning_rate"],
    num_leaves: int = PARAMS.training.lightgbm["num_leaves"],
    seed: int = PARAMS.training.seed,
    accelerator: str = "nvidia.com/gpu",
    gpus: str = "0",
    node_selector: dict[str, str] = {},  # noqa: B006 kfp compiles the default; no code changes it
    tolerations: list[dict[str, str]] = [],  # noqa: B006 as above
    min_auc: float = PARAMS.min_auc,
    min_brier_skill: float = PARAMS.min_brier_skill,
    pipeline_id: str = "",
    git_commit: str = "",
    alias: str = "challenger",
):
    """Load features, train, evaluate and register.

    Args:
        snapshot: Digest of the feature tables that must be used; any tables when empty.
        fresh: Any text; a new text makes every step run again.
        train_rows: Number of training flights.
        test_rows: Number of test flights.
        rounds: Number of trees.
        learning_rate: LightGBM's learning_rate.
        num_leaves: LightGBM's num_leaves.
        seed: Seed of the training.
        accelerator: Resource name of the GPU for training.
        gpus: Number of GPUs as text (the driver reads resources only from text); "0" for none.
        node_selector: Labels of nodes that training may run on.
        tolerations: Taints that training tolerates.
        min_auc: Quality gate: smallest area under the ROC curve.
        min_brier_skill: Quality gate: smallest Brier skill.
        pipeline_id: Id of the pipeline of this run.
        git_commit: Commit of the submitting checkout.
        alias: Alias of the registered version.
    """
    loaded = configure(
        components.load_features(snapshot=snapshot, fresh=fresh, train_rows=train_rows, test_rows=test_rows),
        "load-features",
    )
    trained = configure(
        components.train(
            rounds=rounds,
            learning_rate=learning_rate,
            num_leaves=num_leaves,
            seed=seed,
            train_set=loaded.outputs["train_set"],
        ),
        "train",
    )
    trained.set_accelerator_type(accelerator).set_accelerator_limit(gpus)
    kubernetes.add_node_selector_json(trained, node_selector)
    kubernetes.add_toleration_json(trained, tolerations)
    judged = configure(
        components.evaluate(
            base_rate=loaded.outputs["base_rate"],
            min_auc=min_auc,
            min_brier_skill=min_brier_skill,
            model=trained.outputs["model"],
            test_set=loaded.outputs["test_set"],
        ),
        "evaluate",
    )
    configure(
        components.register(
            metrics=judged.outputs["Output"],
            pipeline_id=pipeline_id,
            data_digest=loaded.outputs["data_digest"],
            data_as_of=loaded.outputs["data_as_of"],
            feature_service_version=loaded.outputs["feature_service_version"],
            git_commit=git_commit,
            alias=alias,
            model=trained.outputs["model"],
            test_set=loaded.outputs["test_set"],
        ),
        "register",
    )


def compile_to(path: Path) -> None:
    """Compile the pipeline."""
    compiler.Compiler().compile(flights, str(path))


if __name__ == "__main__":
    compile_to(PACKAGE)
