"""Applies, finds and removes custom resource definitions (CRDs) on the API server.

Runs inside the engine's dynamic provider, with any kubeconfig, on one machine and on AWS.
"""

from __future__ import annotations

import functools
import hashlib
import json
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import urllib3
import yaml

FIELD_MANAGER = "mlplatform-crds"
DIGEST = "mlplatform.local/bundle-sha256"
"""Annotation of each CRD: the digest of the file that it came from, by which a refresh detects drift."""

COLLECTION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
ESTABLISHED_SECONDS = 120.0
PARALLEL = 6
TIMEOUT = urllib3.Timeout(connect=5.0, read=60.0)
"""Time limit in seconds: a running server accepts connections at once and establishes a large bundle in time."""


class Unreachable(RuntimeError):
    """The API server does not answer."""


def read_definitions(path: Path, sha256: str) -> list[dict[str, Any]]:
    """Read a bundle's CRDs and annotate them with its digest.

    Raises:
        ValueError: The digest differs, or the file contains something other than CRDs.
    """
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256:
        raise ValueError(f"{path} has sha256 {digest}, expected {sha256}; run `mlp vendor`")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    definitions = [item for item in yaml.load_all(content, Loader=loader) if item]
    for item in definitions:
        if item.get("kind") != "CustomResourceDefinition":
            raise ValueError(f"{path} contains a {item.get('kind')}; allowed: CustomResourceDefinition")
        item.pop("status", None)
        item["metadata"].setdefault("annotations", {})[DIGEST] = sha256
    return definitions


def apply(props: dict[str, Any]) -> list[str]:
    """Apply a bundle in parallel, wait until each CRD is established, and return their names.

    Raises:
        ValueError: The digest of the file differs, or its content cannot be applied.
        TimeoutError: A CRD was not established within the time limit.
    """
    definitions = read_definitions(Path(props["path"]), props["sha256"])
    request = _client(props["kubeconfig"])
    query = [("fieldManager", FIELD_MANAGER), ("force", "true")]

    def one(definition: dict[str, Any]) -> str:
        name = definition["metadata"]["name"]
        live = request("PATCH", f"{COLLECTION}/{name}", query, definition)
        if live and "deletionTimestamp" in live["metadata"]:
            _until(lambda: request("GET", f"{COLLECTION}/{name}", [], None) is None, f"deletion of CRD {name}")
            live = request("PATCH", f"{COLLECTION}/{name}", query, definition)
        _await(name, live, lambda: request("GET", f"{COLLECTION}/{name}", [], None))
        return name

    return sorted(_parallel(one, definitions))


def missing(props: dict[str, Any]) -> list[str]:
    """Return the names of CRDs that do not exist or came from another file."""
    listed = _client(props["kubeconfig"])("GET", COLLECTION, [], None, names_only=True) or {}
    there = {item["metadata"]["name"]: item["metadata"].get("annotations") or {} for item in listed.get("items") or []}
    return [name for name in props.get("names") or [] if there.get(name, {}).get(DIGEST) != props["sha256"]]


def remove(props: dict[str, Any], *, unused_only: bool) -> None:
    """Delete a bundle's definitions and wait until they are gone.

    Args:
        props: Properties of the bundle.
        unused_only: Leave definitions of which the cluster has an object.
    """
    request = _client(props["kubeconfig"])

    def one(name: str) -> str:
        if unused_only and _used(request, name):
            return name
        request("DELETE", f"{COLLECTION}/{name}", [], None)
        _until(lambda: request("GET", f"{COLLECTION}/{name}", [], None) is None, f"deletion of CRD {name}")
        return name

    _parallel(one, props.get("names") or [])


def _used(request: Callable[..., dict[str, Any] | None], name: str) -> bool:
    """Return whether the cluster has an object of a CRD; True as well where the objects cannot be listed."""
    definition = request("GET", f"{COLLECTION}/{name}", [], None)
    if definition is None:
        return False
    spec = definition["spec"]
    # Of the stored version: any other needs the conversion webhook of a controller that may be gone.
    version = next((item["name"] for item in spec["versions"] if item["storage"] and item["served"]), None)
    if version is None:
        return True
    path = f"/apis/{spec['group']}/{version}/{spec['names']['plural']}"
    try:
        listed = request("GET", path, [("limit", "1")], None, names_only=True) or {}
    except Unreachable:
        raise
    except RuntimeError:
        return True
    return bool(listed.get("items"))


def _await(name: str, live: dict[str, Any] | None, look: Callable[[], dict[str, Any] | None]) -> None:
    seen: dict[str, Any] = live or {}

    def established() -> bool:
        nonlocal seen
        held = {entry["type"]: entry for entry in (seen.get("status") or {}).get("conditions") or []}
        if held.get("NamesAccepted", {}).get("status") == "False":
            raise ValueError(f"CRD {name} is refused: {held['NamesAccepted'].get('message')}")
        if held.get("Established", {}).get("status") == "True":
            return True
        seen = look() or {}
        return False

    _until(established, f"CRD {name} to be established")


def _until(condition: Callable[[], bool], awaited: str) -> None:
    deadline, pause = time.monotonic() + ESTABLISHED_SECONDS, threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"timed out after {ESTABLISHED_SECONDS:.0f} s waiting for {awaited}")
        pause.wait(0.1)


def _parallel(work: Callable[[Any], str], items: Iterable[Any]) -> list[str]:
    with ThreadPoolExecutor(PARALLEL) as pool:
        return list(pool.map(work, items))


def _client(kubeconfig: str) -> Callable[..., dict[str, Any] | None]:
    """Return a function that sends a request: JSON in, JSON out, None for 404."""
    with _CONNECTING:
        return _connected(kubeconfig)


_CONNECTING = threading.Lock()
"""Guards the library's cache of temporary files, which it keys by content and deletes for all users at once."""


@functools.cache
def _connected(kubeconfig: str) -> Callable[..., dict[str, Any] | None]:
    from kubernetes import config  # loads slowly, and only an `up` needs it
    from kubernetes.client.exceptions import ApiException

    with tempfile.TemporaryDirectory() as folder:  # mode 0700; removes keys once the kubeconfig is read
        if "\n" in kubeconfig or kubeconfig.lstrip().startswith("{"):
            client = config.new_client_from_config_dict(
                yaml.safe_load(kubeconfig), persist_config=False, temp_file_path=folder
            )
        else:
            client = config.new_client_from_config(str(Path(kubeconfig).expanduser()), persist_config=False)
        chosen = client.configuration
        context = ssl.create_default_context(cafile=chosen.ssl_ca_cert)
        if not chosen.verify_ssl:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if chosen.cert_file:
            context.load_cert_chain(chosen.cert_file, chosen.key_file)
        client.rest_client.pool_manager = urllib3.PoolManager(
            maxsize=PARALLEL, ssl_context=context, timeout=TIMEOUT, retries=urllib3.Retry(total=1)
        )
        config.kube_config._cleanup_temp_files()  # or the library would reuse them for the next kubeconfig

    def request(
        method: str, path: str, query: list[tuple[str, str]], body: object, *, names_only: bool = False
    ) -> dict[str, Any] | None:
        as_ = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1" if names_only else "application/json"
        headers = {"Accept": as_, "Content-Type": "application/apply-patch+yaml"}
        try:
            answer = client.call_api(
                path,
                method,
                query_params=query,
                header_params=headers,
                body=body,
                auth_settings=["BearerToken"],
                _preload_content=False,
            )[0]
        except urllib3.exceptions.HTTPError as error:
            reason = str(getattr(error, "reason", None) or error)
            raise Unreachable(f"{method} {path}: {client.configuration.host} does not answer: {reason}") from None
        except ApiException as error:
            if error.status == 404:
                return None
            said = json.loads(error.body).get("message") if error.body else error.reason
            raise RuntimeError(f"{method} {path}: {error.status} {said}") from None
        return json.loads(answer.data)

    return request
