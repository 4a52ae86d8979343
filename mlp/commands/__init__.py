"""The commands of `mlp`, one in each file."""
