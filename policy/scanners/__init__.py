"""Well-kept scanners beside our own rules: kubeconform over Kubernetes objects, checkov over AWS resources."""
