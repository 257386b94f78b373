"""The ways to sign in: each ends in `session.start`, which decides what a signed-in browser is."""
