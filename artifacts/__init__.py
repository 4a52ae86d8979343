"""Builds and fetches what the platform runs: tools, container images, upstream manifests, packages."""
