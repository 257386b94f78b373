"""Fuzzing of every parser that faces the network: bounded in each test run, and as a campaign by command.

`parser.py` says what a parser is, `*_parsers.py` are the table, `reading.py` finds in the source what has to be in it.
"""
