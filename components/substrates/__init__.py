"""What the applications run on: one contract, an implementation for AWS and one for a single machine."""
