"""Reads the features for a request in one pipelined Redis round trip, with a deadline and a circuit breaker."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import ConnectionPool, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from services.predictor.errors import StoreUnavailable
from services.predictor.plan import Plan, Row, ViewPlan

T = TypeVar("T")

PROBE_SECONDS = 0.1
"""Pause between two attempts to reach a store that is down. Meanwhile no request is sent to the store."""


@dataclass(frozen=True, slots=True)
class Missing:
    """An entity that has no row in a feature view."""

    instance: int
    view: ViewPlan


@dataclass(frozen=True, slots=True)
class Features:
    """The features read for a request.

    Attributes:
        rows: One list per instance, in the order of `Plan.features`; None for a null.
        missing: Entities without a row.
        stamps: Encoded event timestamp for each instance and view; None without a row.
    """

    rows: list[list[Any]]
    missing: list[Missing]
    stamps: list[list[bytes | None]]


class FeatureReader:
    """Client of the online store.

    A failed connection is retried once, immediately, because a pooled connection may be stale. When the retry fails,
    the store counts as down: requests are refused without an attempt, while one task probes the store.

    Attributes:
        down: Why the store counts as down; None while it responds.
    """

    def __init__(
        self,
        *,
        cluster: bool,
        nodes: Sequence[tuple[str, int]],
        options: dict[str, Any],
        timeout: float,
        connections: int,
        on_change: Callable[[str | None], None] = lambda reason: None,
    ) -> None:
        """Prepare a client; the first read connects.

        Args:
            cluster: Whether the store is a Redis Cluster.
            nodes: Host and port of each start node.
            options: Options of redis-py; their timeouts are ignored.
            timeout: Timeout of a read in seconds, connecting included.
            connections: Maximum number of open connections.
            on_change: Called with `down` each time it changes.
        """
        self.down: str | None = None
        self._timeout = timeout
        self._address = ",".join(f"{host}:{port}" for host, port in nodes)
        self._on_change = on_change
        self._probing: asyncio.Task[None] | None = None
        # Ignore the timeouts in Feast's connection string, which are meant for batch jobs. Disable health checks,
        # because each is a round trip; the retry detects a stale connection.
        own = {"socket_connect_timeout": timeout, "socket_timeout": timeout, "health_check_interval": 0}
        merged: dict[str, Any] = {"socket_keepalive": True, **options, **own}
        self._client: Redis | RedisCluster
        if cluster:
            starts = [ClusterNode(host, port) for host, port in nodes]
            retry = Retry(NoBackoff(), 1)
            self._client = RedisCluster(startup_nodes=starts, retry=retry, max_connections=connections, **merged)
        else:
            host, port = nodes[0]
            retry = Retry(NoBackoff(), 1)
            if merged.pop("ssl", False):
                merged["connection_class"] = SSLConnection
            pool = ConnectionPool(host=host, port=port, retry=retry, max_connections=connections, **merged)
            self._client = Redis.from_pool(pool)

    async def read(self, plan: Plan, rows: Sequence[Row]) -> Features:
        """Return the features of `rows`.

        Raises:
            StoreUnavailable: The store did not respond within the timeout, or responded with an error.
        """
        if self.down is not None:
            raise StoreUnavailable(self.down)
        keys = [[view.redis_key(row) for row in rows] for view in plan.views]
        wanted: dict[tuple[bytes, int], int] = {}
        pipe = self._client.pipeline(transaction=False)
        for number, view in enumerate(plan.views):
            for key in keys[number]:
                if (key, number) not in wanted:
                    wanted[key, number] = len(wanted)
                    pipe.execute_command("HMGET", key, *view.fields)
        replies = await self._guarded(pipe.execute())
        return _assemble(plan, keys, wanted, replies)

    async def ping(self) -> None:
        """Connect before the first request.

        Raises:
            StoreUnavailable: The store did not respond within the timeout, or responded with an error.
        """
        await self._guarded(self._ping())

    async def close(self) -> None:
        """Stop probing and close the connections."""
        if self._probing is not None:
            self._probing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._probing
        await self._client.aclose()

    async def _ping(self) -> None:
        await self._client.execute_command("PING")

    async def _guarded(self, call: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._timeout):
                return await call
        except (RedisConnectionError, RedisTimeoutError, BusyLoadingError, TimeoutError, OSError) as error:
            reason = self._reason(error)
            self._trip(reason)
            raise StoreUnavailable(reason) from error
        except RedisError as error:
            raise StoreUnavailable(self._reason(error)) from error

    def _reason(self, error: BaseException) -> str:
        if isinstance(error, (TimeoutError, RedisTimeoutError)):
            return f"online store {self._address} did not answer within {self._timeout * 1000:.0f} ms"
        return f"online store {self._address}: {error}"

    def _trip(self, reason: str) -> None:
        if self.down is None:
            self._set(reason)
            self._probing = asyncio.get_running_loop().create_task(self._probe())

    def _set(self, reason: str | None) -> None:
        self.down = reason
        self._on_change(reason)

    async def _probe(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._timeout):
                    await self._ping()
            except (RedisError, TimeoutError, OSError):
                await asyncio.sleep(PROBE_SECONDS)
            else:
                self._set(None)
                return


def _assemble(
    plan: Plan, keys: list[list[bytes]], wanted: dict[tuple[bytes, int], int], replies: Sequence[Sequence[bytes | None]]
) -> Features:
    decode = plan.decode
    decoded = [[None if data is None or data == b"" else decode(data) for data in reply[:-1]] for reply in replies]
    count = len(keys[0]) if keys else 0
    rows: list[list[Any]] = [[] for _ in range(count)]
    stamps: list[list[bytes | None]] = [[] for _ in range(count)]
    missing = []
    for number, view in enumerate(plan.views):
        for instance, key in enumerate(keys[number]):
            place = wanted[key, number]
            reply = replies[place]
            if reply[-1] is None and reply.count(None) == len(reply):
                missing.append(Missing(instance, view))
            rows[instance] += decoded[place]
            stamps[instance].append(reply[-1])
    missing.sort(key=lambda item: item.instance)
    return Features(rows, missing, stamps)
