"""Message size limits of the gRPC channels between engine and plugin."""

from __future__ import annotations

from typing import Final

CHANNEL_OPTIONS: Final = [
    ("grpc.max_receive_message_length", 1024 * 1024 * 400),
    ("grpc.max_send_message_length", 1024 * 1024 * 400),
]
"""Limits of 400 MiB, as in the engine."""
