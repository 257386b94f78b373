"""Traces and metrics for who runs the server: both carry task and session, neither ever anything that was written."""
