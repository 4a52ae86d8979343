"""The search for leaked secrets finds them in all encodings that logs and state may contain."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from tests.engine.aws_canaries import CANARIES, leaks

SECRET = CANARIES[7]
DRAWN = "Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MDEy"


@pytest.mark.parametrize("text", [SECRET, DRAWN])
@pytest.mark.parametrize("before", ["", "a", "ab", '{"auth_token": "'])
def test_inside_of_base64_at_any_place(text: str, before: str) -> None:
    output = base64.b64encode(f"{before}{text} and more".encode()).decode()
    assert leaks([text], output) == [text]


def test_plain_in_urls_and_in_json_of_the_engine() -> None:
    escaped = json.dumps(SECRET).replace("&", "\\u0026")
    for output in (f"say {SECRET}.", f"redis://:{quote(SECRET, safe='')}@host", escaped, json.dumps(escaped)):
        assert leaks(CANARIES, output) == [SECRET], output
    assert leaks([*CANARIES, DRAWN], "nothing to see: canary-07, [secret], feedfeedfeedfeed") == []
