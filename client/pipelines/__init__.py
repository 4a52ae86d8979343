"""Runs of Kubeflow Pipelines, as users and checks see them: submitted, followed, explained and measured."""
