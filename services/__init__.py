"""Programs of this project that run in pods."""
