"""ML Metadata as a gRPC server: what Kubeflow Pipelines records of runs, executions and artifacts.

The store itself is upstream's library; the server gives each of its functions under its own name in upstream's
service, so that any client of MetadataStoreService works.
"""
