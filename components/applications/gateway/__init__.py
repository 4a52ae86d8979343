"""The Gateway: the one entrance to all applications."""
