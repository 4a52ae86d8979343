"""Scripts that Jobs run, mounted or passed as they stand here."""

from pathlib import Path

FOLDER = Path(__file__).parent
