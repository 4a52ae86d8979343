"""Software from package managers: the host's Debian packages, and files out of npm packages."""
