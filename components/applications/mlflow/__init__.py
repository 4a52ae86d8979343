"""MLflow: tracking server and model registry."""
