"""Creates the folder of a new application from templates, for `mlp new application NAME`."""
