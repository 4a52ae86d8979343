"""Feast repository of the flights workload: entities, feature views and the feature service."""
