"""Measurements; every figure in the documentation comes from here or from a smoke report, never from a timed test."""
