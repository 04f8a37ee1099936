"""Who gets the digest, what they want, when, and with whose consent. Pure."""
