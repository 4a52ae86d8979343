"""Targets of the comparison, each as a function that sends one request."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from client.platform import Platform
from common.errors import UserError
from smoke.keepalive import HttpClient, Reply
from smoke.load import Send

Open = Callable[[], contextlib.AbstractAsyncContextManager[Send]]


@dataclass(frozen=True, kw_only=True)
class Target:
    """A target of load.

    Attributes:
        name: Key in the report.
        title: Row in the table.
        open: Creates a sender with new connections.
    """

    name: str
    title: str
    open: Open


def http(name: str, title: str, url: str, bodies: Sequence[bytes], method: str = "POST") -> Target:
    """Return a target that is called over HTTP."""

    @contextlib.asynccontextmanager
    async def sender() -> AsyncIterator[Send]:
        async with HttpClient(url, method=method) as client:

            async def send(number: int) -> Reply:
                return await client.send(bodies[number % len(bodies)])

            yield send

    return Target(name=name, title=title, open=sender)


def predictions(requests: Sequence[dict[str, Any]]) -> list[bytes]:
    """Return V1 bodies with keys only, one instance each."""
    return [json.dumps({"instances": [request]}).encode() for request in requests]


def feature_queries(requests: Sequence[dict[str, Any]], service: str) -> list[bytes]:
    """Return request bodies with the same keys for Feast's feature server."""
    return [
        json.dumps({"feature_service": service, "entities": {k: [v] for k, v in request.items()}}).encode()
        for request in requests
    ]


@dataclass(frozen=True)
class RedisAddress:
    """Address of the online store, as seen from the host."""

    host: str
    port: int
    options: dict[str, Any]


def redis_address(platform: Platform) -> RedisAddress:
    """Return the online store's address from Feast's configuration; replace the name of a Service with its ClusterIP.

    Raises:
        UserError: Feast's configuration cannot be read.
    """
    from kubernetes import client

    core = client.CoreV1Api(platform.api)
    space = platform.namespace
    try:
        secret = core.read_namespaced_secret("feast-config", space)
    except client.ApiException as error:
        raise UserError("Feast's configuration cannot be read", seen=f"Secret {space}/feast-config: {error}") from error
    config = yaml.safe_load(base64.b64decode(secret.data["feature_store.yaml"]))
    first, *rest = config["online_store"]["connection_string"].split(",")
    host, _, port = first.partition(":")
    options = dict(item.split("=", 1) for item in rest)
    labels = host.split(".")
    if len(labels) > 2 and labels[2] == "svc":
        host = core.read_namespaced_service(labels[0], labels[1]).spec.cluster_ip
    wanted = {key: value for key, value in options.items() if key in {"password", "username"}}
    return RedisAddress(host, int(port), {**wanted, "ssl": options.get("ssl") == "true"})


def raw_redis(address: RedisAddress) -> Target:
    """Return the lower bound for every reader: two HMGETs of stored rows in one round trip, without decoding."""

    @contextlib.asynccontextmanager
    async def sender() -> AsyncIterator[Send]:
        from redis.asyncio import Redis

        client = Redis(host=address.host, port=address.port, **address.options)
        rows: list[tuple[bytes, list[bytes]]] = []
        async for key in client.scan_iter(count=1000, _type="hash"):
            fields: list[bytes] = await client.execute_command("HKEYS", key) or []
            rows.append((key, fields))
            if len(rows) == 500:
                break
        if not rows:
            raise UserError("the online store is empty", next_step="mlp workload run flights")

        async def send(number: int) -> Reply:
            pipe = client.pipeline(transaction=False)
            for offset in (0, 1):
                key, fields = rows[(2 * number + offset) % len(rows)]
                pipe.execute_command("HMGET", key, *fields)
            await pipe.execute()
            return Reply(200)

        yield send
        await client.aclose()

    return Target(name="redis", title="Redis alone, two HMGETs", open=sender)
