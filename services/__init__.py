"""Programs of this project that run in pods: the predictor and the ML Metadata server."""
