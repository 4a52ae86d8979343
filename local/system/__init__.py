"""What the machine itself gives: its fitness, and the Debian packages it lacks."""

from local.system.checks import check_machine
from local.system.packages import ensure_packages

__all__ = ["check_machine", "ensure_packages"]
