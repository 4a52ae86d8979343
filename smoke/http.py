"""Sends a JSON request and turns every failure into a readable error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from smoke.outputs import first_line
from smoke.result import CheckFailed

TIMEOUT_SECONDS = 15.0


@dataclass(frozen=True)
class Answer:
    """Body and headers of a response with status 200."""

    body: dict[str, Any]
    headers: httpx.Headers


def post(url: str, body: dict[str, Any]) -> Answer:
    """POST JSON and return the response.

    Raises:
        CheckFailed: There is no response, its status is not 200 (contains the body), or its body is not a JSON object.
    """
    try:
        response = httpx.post(url, json=body, timeout=TIMEOUT_SECONDS, trust_env=False)
    except httpx.HTTPError as error:
        raise CheckFailed(f"POST {url}: no answer ({type(error).__name__}: {first_line(error)})") from error
    if response.status_code != 200:
        raise CheckFailed(f"POST {url}: HTTP {response.status_code}: {response.text[:300] or 'empty body'}")
    try:
        value = response.json()
    except ValueError:
        raise CheckFailed(f"POST {url}: 200, but the body is not JSON: {response.text[:200]!r}") from None
    if not isinstance(value, dict):
        raise CheckFailed(f"POST {url}: 200, but the body is not a JSON object: {response.text[:200]!r}")
    return Answer(value, response.headers)
