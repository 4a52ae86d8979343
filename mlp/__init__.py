"""The command line `mlp`: runs the Pulumi program, the embedded cluster and the checks."""
