"""Client authentication (RFC 6749 section 2.3): a client is registered for one method and is taken by no other."""
