"""KServe: the controller of InferenceServices, and the runtime that serves models."""
