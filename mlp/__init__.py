"""The `mlp` command: drives the Pulumi program, the embedded cluster and the checks."""
