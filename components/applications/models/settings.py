"""Settings of the namespace `models`."""

from __future__ import annotations

from components.section import Section, Size


class ModelsSection(Section):
    """Namespace of models and jobs: requests and limits of containers that set none."""

    defaults: Size
