"""Shared code of the provider plugins: property values, secrets, errors, the gRPC server."""
