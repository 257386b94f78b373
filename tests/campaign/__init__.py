"""Fault campaigns: people and devices at work on several processes of each server, while something breaks.

What they ask and are told becomes a history, which `history.checker` judges.
"""
