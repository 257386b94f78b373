"""Traces and metrics for who runs the servers: ids and words of ours, never anything that was written or shown."""
