"""Settings of AWS, and the rules and data that check them."""
