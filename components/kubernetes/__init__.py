"""Building blocks of Kubernetes objects that every application uses."""
