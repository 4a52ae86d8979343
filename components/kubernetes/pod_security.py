"""The release of Kubernetes' Pod Security Standards that namespaces are held to."""

VERSION = "v1.36"
"""That of the Kubernetes minor that every stack runs (`artifacts/manifests/pins.yaml`, `aws.cluster.version`)."""
