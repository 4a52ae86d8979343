"""Stand-in for pulumi-kubernetes: the same tokens, identities and state, through server-side apply."""
