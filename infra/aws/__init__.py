"""Settings of AWS, and what the program derives from them."""
