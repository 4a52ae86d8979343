"""The namespace `models`, in which models are served and jobs run, with their identities and credentials."""
