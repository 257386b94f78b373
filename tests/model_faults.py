"""The broken variants of the models in specs/models: the property that each costs, and what its shortest trace has.

Steps are as the models print them, without the number of whoever did them.
"""

Fault = tuple[str, tuple[str, ...]]

TRANSFER: dict[str, Fault] = {
    "ANY_BROWSER": (
        "only_the_opener_approves",
        ("reads requested to_open 1", "reads requested to_decide 2", "approved"),
    ),
    "CHECK_THEN_ACT": (
        "one_grant",
        ("reads approved to_redeem 1", "reads approved to_redeem 1", "grant 1 for 1", "grant 2 for 1"),
    ),
    "COMPARE_BEFORE_COUNT": ("two_comparisons", ("compares try 1", "compares try 1", "compares try 1")),
    "DELETE_ON_USE": ("replay_revokes", ("deleted", "grant 1 for 1", "reads deleted to_replay 3", "unknown")),
    "EPOCH_TWICE": ("epoch_once_and_on_move", ("redeemed", "epoch", "reads redeemed to_repeat 1", "epoch")),
    "GRANT_PER_REPEAT": ("one_grant", ("grant 1 for 1", "reads redeemed to_repeat 1", "grant 2 for 1")),
    "LAPSE_UNWRITTEN": ("lapsed_stays", ("counts try 1", "reads requested to_poll 1", "approved", "tells lapsed")),
    "LATE_APPROVAL": ("finished_stays", ("reads requested to_decide 1", "denied", "approved")),
    "MINT_UNSEEN": (
        "revoked_mints_nothing",
        ("reads redeemed to_repeat 1", "reads redeemed to_replay 3", "revokes", "answers grant 1 again"),
    ),
    "REDEEM_UNAPPROVED": ("no_grant_unapproved", ("reads requested to_redeem 1", "redeemed", "grant 1 for 1")),
    "REDEEM_WITHOUT_KEY": ("grant_is_the_claimers", ("approved", "reads approved to_redeem 3", "grant 1 for 3")),
    "REPLAY_UNPUNISHED": ("replay_revokes", ("grant 1 for 1", "reads redeemed to_replay 3", "unknown")),
    "SPLIT_REDEMPTION": ("redeemed_has_a_grant", ("reads approved to_redeem 1", "redeemed")),
    "VALUE_WITHOUT_KEY": (
        "grant_is_the_device_in_hand",
        ("reads offered to_claim 2", "reads claimed to_decide 1", "approved", "grant 1 for 2"),
    ),
    "VOID_ONCE": (
        "spread_ends",
        ("reads requested to_open 1", "reads requested to_open 3", "counts try 1", "overtaken, unknown"),
    ),
}

TOOL_CALL: dict[str, Fault] = {
    "ANY_FENCE": (
        "only_the_holders_result_counts",
        ("claimed", "the task moves", "running", "takes effect 1", "claimed", "running", "succeeded"),
    ),
    "CANNOT_TELL_RUNS": (
        "once",
        ("takes effect 1", "lease 1 is over by every clock", "unknown", "probes", "approved", "takes effect 2"),
    ),
    "PROBE_AT_ONCE": ("once", ("running", "unknown", "probes", "takes effect 1", "approved", "takes effect 2")),
    "RETAKE_RUNNING": ("once", ("running", "takes effect 1", "claimed", "running", "takes effect 2")),
    "SETTLE_AT_ONCE": ("once", ("running", "unknown", "approved", "takes effect 1", "takes effect 2")),
    "SETTLE_UNSEEN": (
        "once",
        ("unknown", "probes", "approved", "takes effect 1", "unknown", "approved", "takes effect 2"),
    ),
    "START_UNRECORDED": ("once", ("claimed", "takes effect 1", "claimed", "takes effect 2")),
    "UNASKED": ("somebody_finds_out", ("running", "unknown")),
}
