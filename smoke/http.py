"""One JSON request with a readable failure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from smoke.outputs import first_line
from smoke.result import CheckFailed

TIMEOUT_SECONDS = 15.0


@dataclass(frozen=True)
class Answer:
    """Body and headers of a 200."""

    body: dict[str, Any]
    headers: httpx.Headers


def post(url: str, body: dict[str, Any]) -> Answer:
    """POST JSON and return the answer.

    Raises:
        CheckFailed: No answer, a status other than 200 (with the server's own words), or no JSON object.
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
        raise CheckFailed(f"POST {url}: 200, but the body is no JSON object: {response.text[:200]!r}")
    return Answer(value, response.headers)
