"""MLflow's server for several teams: the app behind `mlflow server`, and the Job that prepares its databases."""
