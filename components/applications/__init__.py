"""The applications of the platform, a folder each."""
