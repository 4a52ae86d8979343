"""Which changes of the registry touch protected aliases and stages."""

from __future__ import annotations

import pytest

from services.tracking.protection import Change, Registered, names, touched

BEFORE = Registered(
    aliases={"champion": "3", "challenger": "4"}, stages={"2": "Production", "3": "None", "4": "Staging"}
)
PROTECTED = names("champion,Production")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Change(operation="alias", model="m", alias="champion"), ["champion"]),
        (Change(operation="alias", model="m", alias="CHAMPION"), ["CHAMPION"]),
        (Change(operation="alias", model="m", alias="challenger"), []),
        (Change(operation="model", model="m"), ["Production", "champion"]),
        (Change(operation="version", model="m", version="3"), ["champion"]),
        (Change(operation="version", model="m", version="2"), ["Production"]),
        (Change(operation="version", model="m", version="4"), []),
        (Change(operation="version", model="m", version="9"), []),
        (Change(operation="stage", model="m", version="4", stage="production"), ["production"]),
        (Change(operation="stage", model="m", version="2", stage="Archived"), ["Production"]),
        (Change(operation="stage", model="m", version="4", stage="Archived"), []),
    ],
)
def test_a_change_touches_what_it_sets_moves_or_deletes(change: Change, expected: list[str]) -> None:
    assert touched(change, BEFORE, PROTECTED) == expected


def test_a_model_without_protected_names_is_free() -> None:
    free = Registered(aliases={"challenger": "1"}, stages={"1": "None"})
    assert touched(Change(operation="model", model="m"), free, PROTECTED) == []
    assert touched(Change(operation="model", model="m"), BEFORE, names("")) == []


def test_names_are_compared_without_case_and_blanks() -> None:
    assert names(" Champion, ,production ") == {"champion", "production"}
    assert names("") == frozenset()
