"""Programs of this project that run in pods: the predictor, the ML Metadata server, MLflow with teams."""
