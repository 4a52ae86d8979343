"""The workload as a Kubeflow pipeline: load features, train, evaluate, register.

`definition` connects the steps and is compiled to `flights.yaml`, the file that is reviewed and submitted.
`components` contains the kfp components, `steps` their code, `tracking` their runs in MLflow.
"""
