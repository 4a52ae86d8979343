"""Replacement for the pulumi-random plugin: the same resource types and outputs, with values from the system's RNG."""
