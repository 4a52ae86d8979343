"""What stands in for a cloud on one machine: toolchain, cluster, provider plugins, system packages."""
