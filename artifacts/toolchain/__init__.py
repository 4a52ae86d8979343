"""Builds the platform's programs from pinned Go modules, on demand, into a cache that all checkouts share."""

from artifacts.toolchain.build import binary, ensure, is_built, missing, tool_key
from artifacts.toolchain.modules import module_dir

__all__ = ["binary", "ensure", "is_built", "missing", "module_dir", "tool_key"]
