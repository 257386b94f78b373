"""Signing in at another OpenID Connect provider: this server as a relying party (OpenID Connect Core 1.0)."""
