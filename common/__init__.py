"""What every other package may use: errors, paths, progress, waiting, running commands."""
