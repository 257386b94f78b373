"""Runs in an environment of its own, beside a `requirements.txt`: nothing of Segue can be imported there."""
