"""The Gateway: the single entry point to all applications."""
