"""Renders the configuration files of the node's processes from templates; only root can read files with keys."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import yaml

from common import paths
from node import addresses, layout, pki

HERE = Path(__file__).parent
TEMPLATES = HERE / "templates"
USERS = ("controller-manager", "scheduler", "kubelet", "kube-proxy")
"""Programs with their own kubeconfig."""

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, kw_only=True)
class Program:
    """One supervised process.

    Attributes:
        name: Name in `mlp cluster status` and of the log file.
        command: Absolute path of the executable, and its arguments.
        environment: Variables in addition to PATH and HOME.
        stop_seconds: Seconds from SIGTERM to SIGKILL.
    """

    name: str
    command: tuple[str, ...]
    environment: dict[str, str]
    stop_seconds: int


def values(pause_image: str) -> dict[str, str]:
    """Return the values of `$key` in templates and arguments."""
    return {
        "node": str(addresses.NODE),
        "node_name": addresses.NODE_NAME,
        "api_port": str(addresses.API_PORT),
        "pods": str(addresses.PODS),
        "pods_prefix": str(addresses.PODS.prefixlen),
        "services": str(addresses.SERVICES),
        "dns": str(addresses.DNS),
        "domain": addresses.DOMAIN,
        "cgroup": layout.CGROUP,
        "pki": str(layout.PKI),
        "config": str(layout.CONFIG),
        "logs": str(layout.LOGS),
        "etcd": str(layout.ETCD),
        "containerd_root": str(layout.CONTAINERD),
        "pause_image": pause_image,
        "disable_apparmor": "false" if Path("/sys/kernel/security/apparmor").is_dir() else "true",
    }


def program_names() -> tuple[str, ...]:
    """Return the names of the supervised processes in start order."""
    return tuple(_declared())


def programs(known: dict[str, str]) -> list[Program]:
    """Return the supervised processes with their arguments filled in.

    Raises:
        UserError: An executable is not built.
    """
    from artifacts.toolchain import binary

    found: list[Program] = []
    for name, declared in _declared().items():
        executable = str(binary(declared["binary"]))
        arguments = [Template(argument).substitute(known) for argument in declared["arguments"]]
        found.append(
            Program(
                name=name,
                command=(executable, *arguments),
                environment={key: str(value) for key, value in declared.get("environment", {}).items()},
                stop_seconds=int(declared["stop_seconds"]),
            )
        )
    return found


def supervisor_config(known: dict[str, str], declared: list[Program]) -> str:
    """Return supervisord's configuration for `declared`, without automatic start: `lifecycle` starts them in order."""
    sections = [Template((TEMPLATES / "supervisord.conf").read_text()).substitute(known)]
    for program in declared:
        # containerd finds its shim on PATH, in its own folder.
        path = f"{Path(program.command[0]).parent}:{SYSTEM_PATH}"
        environment = {"PATH": path, "HOME": "/root", **program.environment}
        pairs = ",".join(f'{key}="{value}"' for key, value in environment.items())
        # supervisord expands %(x)s and splits on spaces, so both are escaped.
        command = " ".join(f'"{part}"' if " " in part else part for part in program.command).replace("%", "%%")
        sections.append(
            "\n".join(
                (
                    f"[program:{program.name}]",
                    f"command = {command}",
                    f"environment = {pairs}",
                    "autostart = false",
                    "autorestart = true",
                    "startsecs = 1",
                    # The pause grows by a second with each retry: 60 retries take half an hour.
                    "startretries = 60",
                    f"stopwaitsecs = {program.stop_seconds}",
                    "redirect_stderr = true",
                    f"stdout_logfile = {known['logs']}/{program.name}.log".replace("%", "%%"),
                    "stdout_logfile_maxbytes = 20MB",
                    "stdout_logfile_backups = 2",
                )
            )
        )
    return "\n\n".join(sections) + "\n"


def write(pause_image: str) -> list[Program]:
    """Write certificates, configuration files and kubeconfigs; return the processes to supervise.

    Args:
        pause_image: Reference of the pause image, which holds the namespaces of a pod.
    """
    for folder in (layout.DATA, layout.CONFIG, layout.CONFIG / "cni", layout.LOGS, layout.ETCD, layout.CONTAINERD):
        folder.mkdir(parents=True, exist_ok=True)
    for folder in (layout.DATA, layout.ETCD):
        folder.chmod(0o700)
    for folder in layout.BINDS:
        folder.mkdir(parents=True, exist_ok=True)
    pki.ensure(layout.PKI)
    known = values(pause_image)
    declared = programs(known)
    for name in ("containerd.toml", "kubelet.yaml", "kube-proxy.yaml", "authentication.yaml"):
        _write(layout.CONFIG / name, Template((TEMPLATES / name).read_text()).substitute(known))
    _write(layout.CONFIG / "cni" / "mlp.conflist", Template((TEMPLATES / "cni.conflist").read_text()).substitute(known))
    _write_encryption(layout.CONFIG / "encryption.yaml")
    for user in USERS:
        _write(layout.CONFIG / f"{user}.kubeconfig", kubeconfig(layout.PKI, user))
    _write(paths.KUBECONFIG, kubeconfig(layout.PKI, "admin"))
    _write(layout.CONFIG / "supervisord.conf", supervisor_config(known, declared))
    return declared


def kubeconfig(folder: Path, user: str) -> str:
    """Return a kubeconfig with the embedded certificate and key of `user` from `folder`."""

    def encoded(name: str) -> str:
        return base64.b64encode((folder / name).read_bytes()).decode()

    return Template((TEMPLATES / "kubeconfig.yaml").read_text()).substitute(
        cluster=addresses.NODE_NAME,
        server=addresses.API_URL,
        user=user,
        ca=encoded("ca.crt"),
        certificate=encoded(f"{user}.crt"),
        key=encoded(f"{user}.key"),
    )


def _write_encryption(path: Path) -> None:
    # Write the key only once: with a new key, stored Secrets could not be read.
    if not path.is_file():
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        _write(path, Template((TEMPLATES / "encryption.yaml").read_text()).substitute(encryption_key=key))


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pki.write_private(path, content.encode())


def _declared() -> dict[str, dict[str, Any]]:
    return yaml.safe_load((HERE / "programs.yaml").read_text())
