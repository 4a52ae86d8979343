"""Entry point for the plain Pulumi CLI; `mlp` calls the same program through the Automation API."""

from infra.pace import paced
from infra.program import program

paced(program)()
