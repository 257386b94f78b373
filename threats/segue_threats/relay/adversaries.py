"""All adversaries, in the order of the report: what a plain server can be met with, then what only this one has."""

from typing import get_args

from segue_threats.relay import backchannel, pull, push  # noqa: F401  # each adds its own
from segue_threats.relay.adversary import REGISTERED, Flow

ADVERSARIES = sorted(REGISTERED, key=lambda each: get_args(Flow).index(each.flow))
