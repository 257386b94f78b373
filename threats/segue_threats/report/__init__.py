"""What a run found, for people (HTML), for programs (JSON) and for CI (JUnit)."""
