"""The former place of the provider of definitions: states that were written before name it by this module."""

from components.kubernetes.crds import _Provider

__all__ = ["_Provider"]
