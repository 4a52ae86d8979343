"""Refuses to turn off an application, or to remove a namespace, while objects of users depend on it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from client.platform import Platform
from client.user_objects import delete_pods, user_objects
from common.errors import UserError
from components.applications.description import AnyApplication, UserObjects


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


def refuse_objects_in(platform: Platform, namespaces: Collection[str], kinds: Sequence[UserObjects]) -> None:
    """Refuse to remove namespaces in which users still have objects, which a controller must finish first.

    Args:
        platform: The platform as the last update left it.
        namespaces: Namespaces that the settings remove.
        kinds: Kinds of objects that users create.

    Raises:
        UserError: Such objects exist; names them and how to delete them.
    """
    from kubernetes import client

    custom = client.CustomObjectsApi(platform.api)
    for kind in kinds:
        left = [(namespace, name) for namespace, name in user_objects(custom, kind) if namespace in namespaces]
        if left:
            where = sorted({namespace for namespace, _ in left})
            names = ", ".join(f"{namespace}/{name}" for namespace, name in left[:5])
            raise UserError(
                f"The settings remove namespace {where[0]}, but users still have objects in it.",
                seen=f"{len(left)} {kind.plural}.{kind.group}: {names}{', ...' if len(left) > 5 else ''}",
                allowed="no objects of users in a namespace that is removed",
                next_step=f"kubectl -n {where[0]} delete {kind.plural}.{kind.group} --all"
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
