"""Installs software from package managers: Debian packages of the host, Python wheels with programs, npm."""
