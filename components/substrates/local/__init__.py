"""The substrate of one machine: databases, online store and object store in the cluster itself."""

from components.substrates.local.substrate import LocalSubstrate, LocalSubstrateArgs

__all__ = ["LocalSubstrate", "LocalSubstrateArgs"]
