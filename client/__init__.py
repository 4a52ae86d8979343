"""Client of a running platform: exported outputs, Kubernetes API, jobs, runs of pipelines."""
