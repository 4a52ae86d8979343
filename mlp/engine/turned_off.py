"""Refuses to turn off an application while objects of users depend on its controller."""

from __future__ import annotations

from collections.abc import Sequence

from client.platform import Platform
from client.user_objects import delete_pods, user_objects
from common.errors import UserError
from components.applications.description import AnyApplication


def refuse_left_objects(platform: Platform, off: Sequence[AnyApplication]) -> None:
    """Refuse to turn off applications of which users still have objects.

    Without its controller an object cannot be deleted, and its namespace stays.

    Args:
        platform: The running platform.
        off: Applications that the settings turn off.

    Raises:
        UserError: Such objects exist; names them and how to delete them.
    """
    from kubernetes import client

    custom = client.CustomObjectsApi(platform.api)
    for item in off:
        if item.name not in platform.outputs["namespaces"]:
            continue  # the application was already off
        for kind in item.user_objects:
            left = user_objects(custom, kind)
            if left:
                names = ", ".join(f"{namespace}/{name}" for namespace, name in left[:5])
                raise UserError(
                    f"Application {item.name} is off in the settings, but users still have objects of it.",
                    seen=f"{len(left)} {kind.plural}.{kind.group}: {names}{', ...' if len(left) > 5 else ''}",
                    allowed="no objects of an application that is turned off",
                    next_step=f"kubectl delete {kind.plural}.{kind.group} --all --all-namespaces"
                    f" --cascade={kind.propagation.lower()}, then mlp up --stack {platform.stack}",
                )


def release_pods(platform: Platform, off: Sequence[AnyApplication]) -> None:
    """Delete the pods that controllers of applications to turn off still keep; without them the pods would stay.

    Args:
        platform: The running platform.
        off: Applications that the settings turn off, and of which users have no objects.
    """
    for item in off:
        if item.name in platform.outputs["namespaces"]:
            for kind in item.user_objects:
                delete_pods(platform.api, kind)
