"""Creates the folder of a new application from templates: `mlp new application NAME`."""
