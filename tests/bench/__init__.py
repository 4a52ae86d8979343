"""Measurements: every number of the README comes from here or from a smoke report, never from a timed test."""
