"""The relay lab: how often scripted adversaries get a task, under each transfer policy and from a plain server."""
