"""Compares the latency of serving with other servers, through the same gateway, in the same run, at the same rate."""
