"""The moment the server begins to stop."""

from segue_storage.going_away import GoingAway, heard_at_signals

__all__ = ["GoingAway", "heard_at_signals"]
