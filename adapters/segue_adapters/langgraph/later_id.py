"""Ids of checkpoints are times: those of a device with a slow clock are made to sort behind what was there before."""

from langgraph.checkpoint.base import id as ids


def sort_behind(checkpoint_id: str) -> None:
    """LangGraph takes the greatest id for the newest; from now on this process makes greater ones than this."""
    try:
        made = ids.UUID(checkpoint_id)
    except ValueError:
        return  # not of LangGraph's making
    if made.version == 6:
        ids._last_v6_timestamp = max(ids._last_v6_timestamp or 0, made.time)  # type: ignore[assignment] # None at first
