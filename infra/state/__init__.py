"""Reads and checks the recorded state of a stack before an operation changes anything."""
