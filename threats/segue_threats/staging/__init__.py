"""Servers, people and devices for what is measured on this machine: where everybody is, and what time it is, is set."""
