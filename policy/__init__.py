"""Policy of all stacks: rules over rendered resources, exceptions with reasons, and scanners."""
