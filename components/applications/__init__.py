"""The applications of the platform, one folder each."""
