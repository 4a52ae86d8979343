"""Kubeflow Pipelines: API server, workflow controller, and the namespace in which runs execute."""
