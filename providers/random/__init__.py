"""Stand-in for pulumi-random: the same resource types and outputs, drawn from the system's generator."""
