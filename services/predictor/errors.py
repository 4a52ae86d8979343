"""Failures that become responses, and the one way they are worded."""

from __future__ import annotations


class RequestError(Exception):
    """A request that gets no prediction.

    Attributes:
        status: HTTP status.
        code: Stable machine-readable kind, also the metric label.
        message: What was wrong, for people.
        details: Further members of the error body: `field`, `instance`, `entity`, `key`...
        retry_after: Seconds after which another try makes sense; sent as `Retry-After`.
        close: Whether the connection is of no further use (the body was not read).
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        retry_after: int | None = None,
        close: bool = False,
        **details: object,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.retry_after = retry_after
        self.close = close

    def at(self, field: str, instance: int | None = None) -> RequestError:
        """Name the field, and the instance where there are several; return the error itself."""
        self.details = {**self.details, "field": field, **({} if instance is None else {"instance": instance})}
        return self

    def body(self) -> dict[str, object]:
        """Return the error document: `error` as the V2 protocol words it, then our members."""
        return {"error": self.message, "code": self.code, **self.details}


class StoreUnavailable(Exception):
    """The online store did not answer in time, or answered with an error; the text is the reason."""


class PlanError(Exception):
    """The registry answered, but no plan can be made from what it says; the text is the reason."""


class ModelError(Exception):
    """The model folder cannot be served; the text is the reason."""
