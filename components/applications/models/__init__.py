"""The namespace `models`, in which models are served and jobs run, and what both find there."""
