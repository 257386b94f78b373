"""Temporal: a workflow that outlives the device. Workflows import `moving`, which is free of input and output."""
