"""Settings of KServe."""

from __future__ import annotations

from pydantic import Field

from components.section import Section, Size


class KServeSection(Section):
    """Model serving."""

    predictor: Size = Field(description="requests and limits of a predictor whose InferenceService sets none")
