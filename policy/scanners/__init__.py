"""Third-party scanners in addition to the rules: kubeconform for Kubernetes objects, checkov for AWS resources."""
