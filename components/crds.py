"""Alias of the CRD provider for existing states, which refer to the provider by this module."""

from components.kubernetes.crds import _Provider

__all__ = ["_Provider"]
