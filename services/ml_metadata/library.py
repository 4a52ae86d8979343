"""Connects the server to upstream's library `ml_metadata`, which is only installed in the image."""

from __future__ import annotations

# pyrefly: ignore[missing-import]
from ml_metadata.metadata_store.pywrap.metadata_store_extension import metadata_store

# pyrefly: ignore[missing-import]
from ml_metadata.proto import metadata_store_pb2, metadata_store_service_pb2

from services.ml_metadata import tunnel
from services.ml_metadata.settings import Settings
from services.ml_metadata.store import Store

SERVICE = "ml_metadata.MetadataStoreService"


def methods() -> list[str]:
    """Return the names of the service's RPCs."""
    service = metadata_store_service_pb2.DESCRIPTOR.services_by_name[SERVICE.rpartition(".")[2]]
    return [method.name for method in service.methods]


def store(settings: Settings) -> Store:
    """Return a store for the database in the settings, not connected yet.

    On connection, the library migrates the schema of an older release.
    """
    connection = metadata_store_pb2.ConnectionConfig()
    if settings.mysql is None:
        connection.sqlite.filename_uri = settings.sqlite
        connection.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    else:
        connection.mysql.host = settings.mysql.host
        connection.mysql.port = settings.mysql.port
        connection.mysql.database = settings.mysql.database
        connection.mysql.user = settings.mysql.user
        connection.mysql.password = settings.mysql.password
        if settings.mysql.ca_file:
            # The library cannot verify the server: with verify_server_cert it refuses every server (issue 130 of
            # google/ml-metadata, tested with 1.17.1), with `ca` only it accepts every server. The tunnel verifies it.
            target = tunnel.Target(settings.mysql.host, settings.mysql.port, settings.mysql.ca_file)
            connection.mysql.host, connection.mysql.port = "127.0.0.1", tunnel.start(target)
    migration = metadata_store_pb2.MigrationOptions(enable_upgrade_migration=True)
    return Store(metadata_store, connection.SerializeToString(), migration.SerializeToString(), settings.wait_seconds)
