"""Feast repository of the flights workload: entities, feature views and the service a model asks for."""
