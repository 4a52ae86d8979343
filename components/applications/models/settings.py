"""Settings of the namespace `models`."""

from __future__ import annotations

from components.section import Section, Size


class ModelsSection(Section):
    """Namespace of models and jobs: what a container gets that sets no requests and limits."""

    defaults: Size
