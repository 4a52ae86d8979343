"""Errors of the predictor, and the form in which they are returned to clients."""

from __future__ import annotations


class RequestError(Exception):
    """A request that is answered with an error.

    Attributes:
        status: HTTP status.
        code: Stable, machine-readable kind of the error; also the label of the metric.
        message: What was wrong, for people.
        details: Further members of the error body: `field`, `instance`, `entity`, `key`...
        retry_after: Seconds after which the client may retry; sent as `Retry-After`.
        close: Whether to close the connection, because the body was not read.
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
        """Add the field, and the instance if there are several, to the details; return the error."""
        self.details = {**self.details, "field": field, **({} if instance is None else {"instance": instance})}
        return self

    def body(self) -> dict[str, object]:
        """Return the error document: `error` as in the V2 protocol, then `code` and the details."""
        return {"error": self.message, "code": self.code, **self.details}


class StoreUnavailable(Exception):
    """The online store did not respond in time, or responded with an error; the text is the reason."""


class PlanError(Exception):
    """The registry can be read, but its content does not allow a plan; the text is the reason."""


class ModelError(Exception):
    """The model folder cannot be served; the text is the reason."""
