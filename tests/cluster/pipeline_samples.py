"""Sample pipelines for tests.

This file has no `from __future__ import annotations`, because kfp reads annotations as objects.
"""

from kfp import dsl

from artifacts.images import reference

IMAGE = reference("job")


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def number(seed: str, data: dsl.Output[dsl.Dataset]) -> int:
    """Write an artifact and return its length."""
    import pathlib

    pathlib.Path(data.path).write_text(seed, encoding="utf-8")
    print(f"wrote {len(seed)} characters")  # noqa: T201 - a step's log is what it prints
    return len(seed)


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def double(value: int, data: dsl.Input[dsl.Dataset]) -> int:
    """Read the artifact of the step before."""
    import pathlib

    assert len(pathlib.Path(data.path).read_text(encoding="utf-8")) == value
    return 2 * value


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def measure(value: int, seed: str, metrics: dsl.Output[dsl.Metrics]) -> None:
    """Record a metric; `seed` prevents the reuse of another run's result."""
    metrics.log_metric("value", float(value))


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def fail(reason: str) -> None:
    """Raise an exception."""
    raise RuntimeError(reason)


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def sleep(seconds: int) -> None:
    """Sleep."""
    import time

    print("asleep", flush=True)  # noqa: T201 - a step's log is what it prints
    time.sleep(seconds)


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def eat(mebibytes: int) -> None:
    """Use more memory than the limit."""
    print("hungry", flush=True)  # noqa: T201 - a step's log is what it prints
    print(len(bytearray(b"x" * 2**20) * mebibytes))  # noqa: T201 - never reached


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def write_late(seconds: int, data: dsl.Output[dsl.Dataset]) -> None:
    """Sleep, then write an artifact."""
    import pathlib
    import time

    time.sleep(seconds)
    pathlib.Path(data.path).write_text("late", encoding="utf-8")


@dsl.component(base_image="mlplatform.local/absent:0", install_kfp_package=False)
def absent() -> None:
    """Never runs: the image does not exist."""


@dsl.pipeline(name="three-steps")
def three_steps(seed: str) -> None:
    """Pass an artifact and a parameter on."""
    made = number(seed=seed)
    doubled = double(value=made.outputs["Output"], data=made.outputs["data"])
    measure(value=doubled.output, seed=seed)


@dsl.pipeline(name="failing")
def failing(reason: str) -> None:
    """Fail."""
    fail(reason=reason)


@dsl.pipeline(name="one-step")
def one_step(seed: str) -> None:
    """Write an artifact."""
    number(seed=seed).set_retry(2)


@dsl.pipeline(name="retried")
def retried(seconds: int) -> None:
    """Sleep; retry a failed step once."""
    sleep(seconds=seconds).set_retry(1, backoff_duration="1s")


@dsl.pipeline(name="persistent")
def persistent(seconds: int) -> None:
    """Write an artifact late; retry until the object store accepts it."""
    write_late(seconds=seconds).set_retry(5, backoff_duration="5s")


@dsl.pipeline(name="hungry")
def hungry(mebibytes: int) -> None:
    """Use more memory than the limit of the step; retry once."""
    eat(mebibytes=mebibytes).set_memory_limit("256Mi").set_retry(1, backoff_duration="1s")


@dsl.pipeline(name="sleeping")
def sleeping(seconds: int) -> None:
    """Sleep."""
    sleep(seconds=seconds)


@dsl.pipeline(name="unknown-image")
def unknown_image() -> None:
    """Wait for an image that does not exist."""
    absent()


@dsl.pipeline(name="impossible-gpu")
def impossible_gpu() -> None:
    """Wait for a node with more GPUs than there are."""
    sleep(seconds=1).set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(64)
