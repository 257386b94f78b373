/* The transfer of specs/protocol.md section 6: one row, two server processes, everybody who may send a request.
 *
 * A request is a read of the row, with the decision that follows from it, and a compare-and-set on the row's version.
 * Between the two the other process does what it likes, time passes, or the process crashes; one that is overtaken
 * reads again. Anybody sends whatever they can know, at any moment and any number of times: lost answers, repeats and
 * late requests are all in that.
 *
 * -D with one of the words below breaks one rule. README.md says which property that costs.
 * ANY_BROWSER CHECK_THEN_ACT COMPARE_BEFORE_COUNT DELETE_ON_USE EPOCH_TWICE GRANT_PER_REPEAT LAPSE_UNWRITTEN
 * LATE_APPROVAL MINT_UNSEEN REDEEM_UNAPPROVED REDEEM_WITHOUT_KEY REPLAY_UNPUNISHED SPLIT_REDEMPTION VALUE_WITHOUT_KEY
 * VOID_ONCE
 */

#define PHONE 1     /* keys: the Consumption Device, a second device with the same transfer code, */
#define SECOND 2
#define THIEF 3     /* and somebody with the device code and a key of their own */

#define BROWSER 1   /* browsers: two sessions of the person whose task it is, */
#define OTHER 2
#define STRANGER 3  /* and one of another account */

#define TRIES 2

mtype = { requested, offered, claimed, approved, redeemed, denied, cancelled, lapsed, deleted };
mtype = { to_claim, to_open, to_decide, to_deny, to_cancel, to_redeem, to_repeat, to_replay, to_poll };

/* The row. `late`: the time of this state is over. */
mtype state = offered;
byte version, key, opened_by, tries;
bool late, move;

/* The grant, and by how much the task's epoch has risen. */
byte grant_key, epoch;
bool revoked;

/* What has happened: for the properties alone. */
mtype ended;
byte opener, comparisons, grants;
bool pull, was_approved, by_opener, answered, another_answer, minted_revoked, replayed, spread, told_lapsed;

#define UNDECIDED (state == requested || state == claimed)
#define UNFINISHED (UNDECIDED || state == offered || state == approved)

#ifdef CHECK_THEN_ACT
#define UNCHANGED true
#else
#define UNCHANGED (version == seen)
#endif

/* The person types what the device in their hand shows, and what another key shows is another value. */
#ifdef VALUE_WITHOUT_KEY
#define VALUE_CAN_BE_RIGHT true
#else
#define VALUE_CAN_BE_RIGHT (key == PHONE)
#endif

#define OVERTAKEN_OR_CRASHED \
    :: atomic { !(UNCHANGED) -> printf("%d: overtaken\n", me) }; goto idle \
    :: atomic { printf("%d: crash\n", me) }; goto idle

inline reads(someone, why) {
    who = someone;
    seen = version;
    printf("%d: reads %e %e %d\n", me, state, why, who)
}

inline becomes(next) {
    state = next;
    version++;
    printf("%d: %e\n", me, state);
    if
    :: ended == 0 && !UNFINISHED -> ended = state
    :: else
    fi
}

inline count_comparison() {
    printf("%d: compares try %d\n", me, count);
    if
    :: comparisons <= TRIES -> comparisons++
    :: else
    fi
}

inline write_grant(holder) {
    grant_key = holder;
    if
    :: grants < 2 -> grants++
    :: else
    fi;
    printf("%d: grant %d for %d\n", me, grants, holder)
}

inline raise_epoch() {
    if
    :: move && epoch < 2 -> epoch++; printf("%d: epoch\n", me)
    :: else
    fi
}

/* One transaction: the state, the epoch and the grant. */
inline redeem_for(holder) {
#ifdef DELETE_ON_USE
    becomes(deleted);
#else
    becomes(redeemed);
#endif
    raise_epoch();
    write_grant(holder)
}

proctype server(byte me) {
    byte who, seen, count;
    bool right;

idle:
    atomic { who = 0; seen = 0; count = 0; right = false };
end:
    if
    /* 6.2: the first key to claim wins. */
    :: atomic { state == offered && !late -> if :: reads(PHONE, to_claim) :: reads(SECOND, to_claim) fi }; goto claim

    /* 6.3, 6.6: the first browser to open it decides; a second account that enters the code of a pull ends it. */
    :: atomic { (state == offered || state == claimed || state == requested && !late) && opened_by == 0 ->
           if
           :: reads(BROWSER, to_open)
           :: reads(OTHER, to_open)
           :: state == requested -> reads(STRANGER, to_open)
           fi }; goto open
    :: atomic { state == requested && opened_by != 0 ->
           if
           :: opened_by != STRANGER -> reads(STRANGER, to_open)
           :: opened_by == STRANGER -> reads(BROWSER, to_open)
           fi }; goto void

    /* 6.3: a try at the check value is counted before it is compared. */
    :: atomic { UNDECIDED && !late && opened_by != 0 && tries < TRIES ->
           if
           :: reads(opened_by, to_decide)
#ifdef ANY_BROWSER
           :: reads(OTHER, to_decide)
#endif
           fi;
           count = tries + 1;
           if
           :: VALUE_CAN_BE_RIGHT -> right = true
           :: right = false
           fi }; goto decide

    /* Declined by the browser that opened it; withdrawn by the device that began a push. */
    :: atomic { UNFINISHED && opened_by != 0 -> reads(opened_by, to_deny) }; goto deny
    :: atomic { UNFINISHED && !pull -> reads(0, to_cancel) }; goto cancel

    /* 6.4: the device code is presented with a proof by some key. */
    :: atomic { state == approved && !late -> reads(key, to_redeem) }; goto redeem
#ifdef REDEEM_WITHOUT_KEY
    :: atomic { state == approved && !late -> reads(THIEF, to_redeem) }; goto redeem
#endif
#ifdef REDEEM_UNAPPROVED
    :: atomic { UNDECIDED && !late -> reads(key, to_redeem) }; goto redeem
#endif
    :: atomic { state == redeemed -> reads(key, to_repeat) }; goto repeat
    :: atomic { state == redeemed -> reads(THIEF, to_replay) }; goto replay
#ifdef DELETE_ON_USE
    :: atomic { state == deleted -> reads(THIEF, to_replay); replayed = true; printf("%d: unknown\n", me) }; goto idle
#endif
    :: atomic { (UNDECIDED || state == approved) && late -> reads(key, to_poll) }; goto lapse
    fi;

claim:
    if
    :: d_step { UNCHANGED -> key = who; late = false; becomes(claimed) }; goto idle
    OVERTAKEN_OR_CRASHED
    fi;

open:
    if
    :: d_step { UNCHANGED -> opened_by = who; version++; printf("%d: opened\n", me);
           if :: opener == 0 -> opener = who :: else fi }; goto idle
    OVERTAKEN_OR_CRASHED
    fi;

void:
    if
    :: d_step { UNCHANGED -> becomes(denied); spread = true }; goto idle
#ifdef VOID_ONCE
    :: atomic { !UNCHANGED -> printf("%d: overtaken, unknown\n", me); spread = true }; goto idle
#endif
    OVERTAKEN_OR_CRASHED
    fi;

decide:
#ifdef COMPARE_BEFORE_COUNT
    atomic { count_comparison() };
#endif
    if
    :: d_step { UNCHANGED -> tries = count; version++; seen = version; printf("%d: counts try %d\n", me, count) }
    OVERTAKEN_OR_CRASHED
    fi;
#ifndef COMPARE_BEFORE_COUNT
    atomic { count_comparison() };
#endif
    if
    :: !right && count < TRIES -> goto idle
    :: !right && count == TRIES -> goto deny
    :: right
    fi;
    if
#ifdef LATE_APPROVAL
    :: d_step { true ->
#else
    :: d_step { UNCHANGED ->
#endif
           was_approved = true; by_opener = (who == opener); late = false; becomes(approved) }; goto idle
    OVERTAKEN_OR_CRASHED
    fi;

deny:
    if
    :: d_step { UNCHANGED -> becomes(denied) }; goto idle
    OVERTAKEN_OR_CRASHED
    fi;

cancel:
    if
    :: d_step { UNCHANGED -> becomes(cancelled) }; goto idle
    OVERTAKEN_OR_CRASHED
    fi;

redeem:
    if
#ifdef SPLIT_REDEMPTION
    :: d_step { UNCHANGED -> becomes(redeemed); raise_epoch() };
       if
       :: atomic { write_grant(who) }; goto idle
       :: atomic { printf("%d: crash\n", me) }; goto idle
       fi
#else
    :: d_step { UNCHANGED -> redeem_for(who) }; goto idle
#endif
    OVERTAKEN_OR_CRASHED
    fi;

repeat:
    if
#ifdef MINT_UNSEEN
    :: d_step { true ->
#else
    :: atomic { !revoked ->
#endif
           printf("%d: answers grant %d again\n", me, grants);
           minted_revoked = minted_revoked || revoked;
#ifdef EPOCH_TWICE
           raise_epoch();
#endif
#ifdef GRANT_PER_REPEAT
           write_grant(who);
           another_answer = true;
#endif
           answered = true }; goto idle
    :: atomic { revoked -> printf("%d: revoked, unknown\n", me) }; goto idle
    :: atomic { printf("%d: crash\n", me) }; goto idle
    fi;

replay:
#ifndef REPLAY_UNPUNISHED
    if
    :: atomic { revoked = true; printf("%d: revokes\n", me) }
    :: atomic { printf("%d: crash\n", me) }; goto idle
    fi;
#endif
    atomic { replayed = true; printf("%d: unknown\n", me) }; goto idle;

lapse:
#ifdef LAPSE_UNWRITTEN
    atomic { told_lapsed = true; printf("%d: tells lapsed\n", me) }; goto idle
#else
    if
    :: d_step { UNCHANGED -> becomes(lapsed); told_lapsed = true; printf("%d: tells lapsed\n", me) }; goto idle
    OVERTAKEN_OR_CRASHED
    fi
#endif
}

proctype clock() {
end:
    do
    :: atomic { UNFINISHED && !late -> late = true; printf("clock: late\n") }
    od
}

init {
    atomic {
        if
        :: pull = true; state = requested; key = PHONE
        :: pull = false
        fi;
        if
        :: move = true
        :: move = false
        fi;
        printf("%e\n", state);
        run server(1);
        run server(2);
        run clock()
    }
}

/* What must hold, always. */
ltl one_grant { [] (grants <= 1) }
ltl grant_is_the_claimers { [] (grants > 0 -> grant_key == key) }
ltl grant_is_the_device_in_hand { [] (grants > 0 -> grant_key == PHONE) }
ltl no_grant_unapproved { [] (grants > 0 -> was_approved) }
ltl only_the_opener_approves { [] (was_approved -> by_opener) }
ltl two_comparisons { [] (comparisons <= TRIES) }
ltl finished_stays { [] (ended != 0 -> state == ended) }
ltl lapsed_stays { [] (told_lapsed -> state != approved && state != redeemed) }
ltl same_answer { [] !another_answer }
ltl redeemed_has_a_grant { [] (state == redeemed -> grants > 0) }
ltl replay_revokes { [] (replayed -> revoked) }
ltl revoked_mints_nothing { [] !minted_revoked }
ltl epoch_once_and_on_move { [] (epoch <= 1 && (epoch == 1 -> move && grants > 0)) }
ltl spread_ends { [] (spread -> state == denied) }

/* What can happen. Each of these must fail, or the model says nothing. */
ltl never_pulled { [] !(pull && grants > 0) }
ltl never_pushed { [] !(!pull && grants > 0) }
ltl never_moved { [] (epoch == 0) }
ltl never_claimed_by_second { [] (key != SECOND) }
ltl never_denied_at_the_second_try { [] !(comparisons == TRIES && state == denied) }
ltl never_approved_at_the_second_try { [] !(tries == TRIES && was_approved) }
ltl never_withdrawn_after_approval { [] !(was_approved && state == cancelled) }
ltl never_answered_again { [] !answered }
ltl never_revoked { [] !revoked }
ltl never_lapsed { [] !told_lapsed }
ltl never_spread { [] !spread }
