"""What every resource of every stack must be: rules over rendered resources, exceptions with reasons, and scanners."""
