"""Latency of serving beside its neighbours, all through the same gateway, in the same run, at the same rate."""
