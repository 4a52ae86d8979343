"""The programs the platform builds from pinned Go modules: built on demand, kept by content, shared by checkouts."""

from local.toolchain.build import binary, ensure, is_built, missing, tool_key
from local.toolchain.modules import module_dir

__all__ = ["binary", "ensure", "is_built", "missing", "module_dir", "tool_key"]
