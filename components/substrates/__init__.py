"""What the applications run on: one contract, with implementations for AWS and for a single machine."""
