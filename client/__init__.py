"""A client of a running platform: its outputs, its cluster, jobs in it, runs of pipelines."""
