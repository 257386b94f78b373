"""What a person can be shown: every page of the authorization server in every state, and the demo's screens.

`shown` has the pages as their views are rendered, `served` those that the server itself answered with, `demo` the
screens of the demo. Tests look at each of them, and `python -m screenshots` takes its picture.
"""
