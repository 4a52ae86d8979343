"""Waiting until an object does what it is for, and saying why it does not."""
