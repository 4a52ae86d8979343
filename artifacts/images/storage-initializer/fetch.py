"""Entry point of KServe's storage initializer: `fetch SOURCE DESTINATION [SOURCE DESTINATION ...]`."""

from __future__ import annotations

import sys


def pairs(arguments: list[str]) -> list[tuple[str, str]]:
    """Return the arguments as (source, destination) pairs.

    Raises:
        SystemExit: The number of arguments is zero or odd.
    """
    if not arguments or len(arguments) % 2:
        raise SystemExit(f"usage: fetch SOURCE DESTINATION [SOURCE DESTINATION ...]; got {len(arguments)} arguments")
    return list(zip(arguments[::2], arguments[1::2], strict=True))


def main() -> None:
    """Download each source into its destination with KServe's storage library."""
    wanted = pairs(sys.argv[1:])
    from kserve_storage import Storage, configure_logging  # pyrefly: ignore[missing-import]  # only in the image

    configure_logging()
    for source, destination in wanted:
        Storage.download(source, destination)


if __name__ == "__main__":
    main()
