"""Scripts of Jobs, which mount them unchanged."""

from pathlib import Path

FOLDER = Path(__file__).parent
