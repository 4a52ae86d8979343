"""The substrate of one machine: databases, online store and object store inside the cluster."""

from components.substrates.local.substrate import LocalSubstrate, LocalSubstrateArgs

__all__ = ["LocalSubstrate", "LocalSubstrateArgs"]
