"""Kubeflow's parts of the platform."""
