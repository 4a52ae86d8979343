"""Submits, follows, explains and measures runs of Kubeflow Pipelines."""
