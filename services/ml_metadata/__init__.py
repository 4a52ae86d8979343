"""gRPC server for ML Metadata, in which Kubeflow Pipelines records runs, executions and artifacts.

Upstream's library implements the store. The server exposes each of its functions as the RPC with the same name in
upstream's service, so that all clients of MetadataStoreService work.
"""
