"""Workloads that run on the platform: their data, features, models and deployment."""
