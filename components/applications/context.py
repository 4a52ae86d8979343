"""What an application gets when it is declared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import pulumi

from components.applications.description import AnyApplication
from components.substrates.contract import Substrate

C = TypeVar("C", bound=pulumi.ComponentResource)


@dataclass(frozen=True, kw_only=True)
class Context:
    """What an application gets when it is declared.

    Attributes:
        substrate: What it runs on.
        applications: The applications of the stack that are on, in the order in which they are declared.
        declared: Components of the applications that were declared before it.
    """

    substrate: Substrate
    applications: Sequence[AnyApplication]
    declared: list[pulumi.ComponentResource] = field(default_factory=list)

    def component(self, kind: type[C]) -> C:
        """Return the component of an application that was declared before.

        Raises:
            LookupError: There is none. The description's `requires` has to name its application.
        """
        found = next((item for item in self.declared if isinstance(item, kind)), None)
        if found is None:
            raise LookupError(f"no {kind.__name__} was declared before; name its application in `requires`")
        return found
