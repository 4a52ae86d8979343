"""Entry point for the plain Pulumi CLI; `mlp` calls the same program through the Automation API."""

from infra.program import program

program()
