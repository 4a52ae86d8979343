"""Complete examples: their data, features, pipeline, model and deployment."""
