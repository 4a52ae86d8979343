"""The recorded state of a stack, and what is checked in it before anything is touched."""
