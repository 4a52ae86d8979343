"""Other modes of the online store: a Redis Cluster, and a Redis with TLS only."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ipaddress
import time
from pathlib import Path

import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.predictor.errors import StoreUnavailable
from services.predictor.feast_plan import Registry
from services.predictor.reader import FeatureReader, Features
from tests.engine.serving_store import PASSWORD, RedisServer, fill, objects, write_config

SERVICE = "flight_delay_v1"
ROW = {"tailnum": "N1", "origin": "JFK", "dest": "CLT", "carrier_id": -3}


def read(registry: Registry) -> Features:
    plan, target = registry.compile(SERVICE), registry.redis()

    async def run() -> Features:
        reader = FeatureReader(
            cluster=target.cluster, nodes=target.nodes, options=target.options, timeout=5.0, connections=2
        )
        try:
            return await reader.read(plan, [[ROW[field.name] for field in plan.key_fields]] * 2)
        finally:
            await reader.close()

    return asyncio.run(run())


def served(config: Path) -> Features:
    """Write with Feast and read with the predictor, with the same configuration."""
    from feast import FeatureStore

    store = FeatureStore(fs_yaml_file=config)
    store.apply(objects())
    fill(store)
    return read(Registry(config))


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a self-signed certificate for 127.0.0.1 and return it with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    crt, pem = folder / "tls.crt", folder / "tls.key"
    crt.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = serialization.PrivateFormat.PKCS8
    pem.write_bytes(key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption()))
    return crt, pem


def test_a_redis_cluster(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    # The default is the port plus 10,000, which may exceed the highest port.
    bus = str(server.port - 10_000)
    server.arguments = ("--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-port", bus)
    server.start()
    try:
        with server.client as client:
            client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
            deadline = time.monotonic() + 20
            while client.execute_command("CLUSTER INFO")["cluster_state"] != "ok":
                assert time.monotonic() < deadline, "the cluster did not form"
                time.sleep(0.05)
        config = write_config(tmp_path, server.port)
        text = config.read_text().replace("  type: redis\n", "  type: redis\n  redis_type: redis_cluster\n")
        config.write_text(text.replace(",db=0", ""))
        found = served(config)
        assert found.missing == []
        assert found.rows[0] == found.rows[1]
        assert 100 in found.rows[0]
    finally:
        server.stop()


def test_tls(tmp_path: Path) -> None:
    crt, key = certificate(tmp_path)
    plain = RedisServer(tmp_path)
    port, plain.port = plain.port, 0
    plain.arguments = ("--tls-port", str(port), "--tls-cert-file", str(crt), "--tls-key-file", str(key))
    plain.arguments += ("--tls-ca-cert-file", str(crt), "--tls-auth-clients", "no")
    plain.launch()
    try:
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(redis.RedisError):
                redis.Redis("127.0.0.1", port, password=PASSWORD, ssl=True, ssl_ca_certs=str(crt)).ping()
                break
            assert time.monotonic() < deadline, "Redis did not answer over TLS"
            time.sleep(0.05)
        found = served(write_config(tmp_path, port, f",ssl=true,ssl_ca_certs={crt}"))
        assert 100 in found.rows[0]
        # Without the authority, the server must not be trusted.
        with pytest.raises(StoreUnavailable, match="certificate"):
            read(Registry(write_config(tmp_path, port, ",ssl=true")))
    finally:
        plain.stop()
