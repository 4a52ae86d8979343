"""Compiles a `Plan` from Feast's registry. This is the only module that imports Feast; requests do not use it.

Feast itself resolves the feature service (projections, aliases, join key maps), so that the plan reads the same values
as `FeatureStore.get_online_features`. The called functions are private to Feast; therefore its version is pinned, and
a test compares both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from services.predictor.errors import PlanError
from services.predictor.keys import ENCODERS, KeyType
from services.predictor.plan import KeyField, Plan, Value, ViewPlan

FeastObject: TypeAlias = Any
"""An object of Feast, whose classes have no usable types."""


@dataclass(frozen=True, kw_only=True)
class RedisTarget:
    """Address of the online store.

    Attributes:
        cluster: Whether it is a Redis Cluster.
        nodes: Host and port of each start node; without a cluster, only the first is used.
        options: Options of redis-py from Feast's connection string: password, ssl, db...
    """

    cluster: bool
    nodes: tuple[tuple[str, int], ...]
    options: dict[str, Any]


class Registry:
    """Feast's registry in a `feature_store.yaml`."""

    def __init__(self, config_file: Path) -> None:
        from feast.repo_config import load_repo_config

        if not config_file.is_file():
            raise PlanError(f"Feast's configuration {config_file} does not exist")
        self._config: Any = load_repo_config(config_file.parent, config_file)
        if self._config.online_store.type != "redis":
            raise PlanError(f"the online store is {self._config.online_store.type!r}; allowed: redis")
        if self._config.entity_key_serialization_version != 3:
            seen = self._config.entity_key_serialization_version
            raise PlanError(f"entity_key_serialization_version is {seen}; allowed: 3")
        # Read the registry only in `compile`: without a thread of Feast and without expiry of its cache.
        self._config.registry.cache_mode = "sync"
        self._config.registry.cache_ttl_seconds = 0
        self._store: Any = None

    def redis(self) -> RedisTarget:
        """Return the online store's address, parsed from the connection string by Feast."""
        from feast.infra.online_stores.redis import RedisOnlineStore

        online = self._config.online_store
        kind = online.redis_type.value
        if kind not in {"redis", "redis_cluster"}:
            raise PlanError(f"redis_type is {kind!r}; allowed: 'redis', 'redis_cluster'")
        nodes, options = RedisOnlineStore._parse_connection_string(online.connection_string)
        pairs = tuple((str(node["host"]), int(node["port"])) for node in nodes)
        return RedisTarget(cluster=kind == "redis_cluster", nodes=pairs, options=options)

    def compile(self, service_name: str) -> Plan:
        """Compile the plan of a feature service from the current content of the registry.

        The call blocks for the registry's round trips.

        Raises:
            PlanError: The registry does not have the service, or the service cannot be served.
            Exception: Any exception of the registry's driver when the registry cannot be reached.
        """
        from feast import FeatureStore
        from feast.errors import FeatureServiceNotFoundException
        from feast.utils import _get_online_request_context

        if self._store is None:
            self._store = FeatureStore(config=self._config)
        registry, project = self._store.registry, self._config.project
        # `refresh` hides failures. Read without cache first, to distinguish an outage from a missing service.
        try:
            service = registry.get_feature_service(service_name, project, allow_cache=False)
        except FeatureServiceNotFoundException as error:
            raise PlanError(f"feature service {service_name} is not in project {project}'s registry") from error
        registry.refresh(project)
        if getattr(service, "precompute_online", False):
            raise PlanError(f"feature service {service_name} has precompute_online, which this server cannot read")
        # Keep serving during a materialization: stored rows are complete at all times.
        registry.serve_features_while_materializing = True
        context = _get_online_request_context(registry, project, service, False)
        _, on_demand, entity_keys, entity_types, _, grouped, _, _, _ = context
        if on_demand:
            names = ", ".join(view.name for view in on_demand)
            raise PlanError(
                f"feature service {service_name} has on-demand feature views ({names}), which this server cannot serve"
            )
        return _plan(service_name, self._config, grouped, entity_keys, entity_types)


def _plan(
    service: str,
    config: FeastObject,
    grouped: FeastObject,
    entity_keys: dict[str, str],
    entity_types: dict[str, FeastObject],
) -> Plan:
    from feast.feature_view import DUMMY_ENTITY_ID

    names: dict[str, KeyType] = {}
    drafts = []
    for view, features in grouped:
        aliases = view.projection.join_key_map
        stored = sorted(entity_keys.get(entity, entity) for entity in view.entities)
        asked = [aliases.get(key, key) for key in stored]
        types = []
        for key in asked:
            kind = entity_types[key].name if key in entity_types else "STRING"
            if kind not in KeyType.__members__:
                allowed = ", ".join(KeyType.__members__)
                raise PlanError(f"join key {key} of feature view {view.name} is {kind}; allowed: {allowed}")
            types.append(KeyType[kind])
        names.update({key: kind for key, kind in zip(asked, types, strict=True) if key != DUMMY_ENTITY_ID})
        # Feast returns the features in no particular order.
        drafts.append((view, sorted(features), stored, asked, types))
    fields = tuple(KeyField(name=name, type=names[name]) for name in sorted(names))
    indexes = {field.name: place for place, field in enumerate(fields)}
    views = tuple(_view(config, indexes, *draft) for draft in drafts)
    return Plan(service=service, key_fields=fields, views=views, decode=_decoder(), decode_timestamp=_seconds)


def _view(
    config: FeastObject,
    indexes: dict[str, int],
    view: FeastObject,
    features: list[str],
    stored: list[str],
    asked: list[str],
    types: list[KeyType],
) -> ViewPlan:
    from feast.feature_view import DUMMY_ENTITY_VAL
    from feast.infra.key_encoding_utils import serialize_entity_key_prefix
    from feast.infra.online_stores.helpers import _mmh3
    from feast.infra.online_stores.redis import _versioned_fv_name

    name = _versioned_fv_name(view, config)
    dtypes = {feature.name: feature.dtype for feature in view.features}
    plan = ViewPlan(
        name=view.projection.name_to_use(),
        entities=tuple(view.entities),
        join_keys=tuple(stored),
        request_fields=tuple(asked),
        key_prefix=serialize_entity_key_prefix(stored, config.entity_key_serialization_version),
        key_suffix=config.project.encode(),
        positions=tuple(
            indexes[key] if key in indexes else ENCODERS[kind](DUMMY_ENTITY_VAL)
            for key, kind in zip(asked, types, strict=True)
        ),
        types=tuple(types),
        features=tuple(features),
        dtypes=tuple(str(dtypes[feature]) for feature in features),
        fields=(*(_mmh3(f"{name}:{feature}") for feature in features), f"_ts:{name}".encode()),
    )
    _probe(config, plan)
    return plan


def _probe(config: FeastObject, view: ViewPlan) -> None:
    """Compare one key with Feast's own serialization, to refuse a Feast that serializes keys differently."""
    from feast.infra.online_stores.helpers import _redis_key
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value as Proto

    row = [7] * 64
    values = []
    for position, kind in zip(view.positions, view.types, strict=True):
        if kind is KeyType.STRING:
            values.append(Proto(string_val="" if isinstance(position, bytes) else "7"))
        else:
            values.append(Proto(int32_val=7) if kind is KeyType.INT32 else Proto(int64_val=7))
    expected = _redis_key(config.project, EntityKey(join_keys=view.join_keys, entity_values=values), 3)
    if view.redis_key(row) != expected:
        raise PlanError(f"the installed Feast serializes the keys of feature view {view.name} differently")


def _decoder() -> Callable[[bytes], Value]:
    from feast.protos.feast.types.Value_pb2 import Value as Proto
    from feast.type_map import feast_value_type_to_python_type

    parse = Proto.FromString
    plain = frozenset({"double_val", "float_val", "int64_val", "int32_val", "bool_val", "string_val"})

    def decode(data: bytes) -> Value:
        value = parse(data)
        kind = value.WhichOneof("val")
        if kind in plain:
            return getattr(value, kind)
        return feast_value_type_to_python_type(value)

    return decode


def _seconds(data: bytes) -> float:
    from google.protobuf.timestamp_pb2 import Timestamp

    stamp = Timestamp.FromString(data)
    return stamp.seconds + stamp.nanos / 1e9
