"""The programs the platform builds from pinned Go modules: built on demand, kept by content, shared by checkouts."""

from artifacts.toolchain.build import binary, ensure, is_built, missing, tool_key
from artifacts.toolchain.modules import module_dir

__all__ = ["binary", "ensure", "is_built", "missing", "module_dir", "tool_key"]
