"""RFC 10027 section 6.1, mitigation by mitigation: an attack with it off, the same attack with it on."""
