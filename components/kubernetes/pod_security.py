"""The version of Kubernetes' Pod Security Standards that namespaces enforce."""

VERSION = "v1.36"
"""Minor version of Kubernetes in every stack (`artifacts/manifests/pins.yaml`, `aws.cluster.version`)."""
