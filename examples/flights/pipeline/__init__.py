"""The workload as a Kubeflow pipeline: load features, train, evaluate, register.

`definition` wires the steps and is compiled to `flights.yaml`, which is what reviewers see and users submit;
`components` are the steps as kfp sees them, `steps` what they do, `tracking` their runs in MLflow.
"""
