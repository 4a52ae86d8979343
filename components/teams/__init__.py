"""Teams: a namespace for each, with a quota, identities, and folders of its own in the buckets."""
