/* The tool call of specs/protocol.md section 8: one row, two devices, the person, time and transfers.
 *
 * A step is one transaction under the lock of the task's head, so it is atomic here; between two steps of a device
 * everybody else does what they like, and the device may crash and forget. An answer that is lost is a step after which
 * the device does not go on. A holding is what one claim or probe gives; it is named by its number, which is its fence.
 *
 * -D with one of the words below breaks one rule. README.md says which property that costs.
 * ANY_FENCE CANNOT_TELL_RUNS PROBE_AT_ONCE RETAKE_RUNNING SETTLE_AT_ONCE SETTLE_UNSEEN START_UNRECORDED UNASKED
 */

#define HOLDINGS 4
#define MOVES 1

mtype = { approved, claimed, running, unknown, succeeded, cancelled };
mtype = { repeatable, reconcilable, irreversible };
mtype = { probe, person };

/* The row. */
mtype state = approved;
mtype class;
mtype finder;       /* who finds out, while nobody knows */
byte fence, epoch_of_fence, last_runner;
bool probing;

/* Holdings: `over` by some server's clock, `quiet` when it is over by every clock. */
byte holdings, epoch = 1;
bool over[HOLDINGS + 1], quiet[HOLDINGS + 1];

/* What has happened: for the properties alone. */
byte effects;
mtype ended;
bool stale_accepted, was_unknown, was_probed, was_settled, took_over;

#define FINISHED (state == succeeded || state == cancelled)
#define LOST (over[fence] || epoch_of_fence < epoch)

inline becomes(next) {
    state = next;
    printf("%d: %e\n", me, state);
    if
    :: ended == 0 && FINISHED -> ended = state
    :: else
    fi
}

inline take(next) {
    holdings++;
    fence = holdings;
    epoch_of_fence = epoch;
    mine = fence;
    becomes(next)
}

inline give_up() {
    mine = 0; may_act = false; acted = false; looked = false
}

#ifdef ANY_FENCE
#define GRIPS (mine > 0)
#else
#define GRIPS (fence == mine)
#endif

#ifdef PROBE_AT_ONCE
#define RUNNER_IS_QUIET true
#else
#define RUNNER_IS_QUIET quiet[last_runner]
#endif

#define MAY_PROBE (state == unknown && finder == probe && RUNNER_IS_QUIET && (!probing || LOST))

#ifdef SETTLE_AT_ONCE
#define PERSON_MAY_SAY_NO true
#else
#define PERSON_MAY_SAY_NO quiet[last_runner]
#endif

#ifdef SETTLE_UNSEEN
#define AS_SEEN true
#else
#define AS_SEEN (seen == holdings)
#endif

proctype device(byte me) {
    byte mine;
    bool may_act, acted, looked, happened;

end:
    do
    :: atomic { mine == 0 && state == approved && holdings < HOLDINGS -> take(claimed) }
    :: atomic { mine == 0 && state == claimed && LOST && holdings < HOLDINGS -> take(claimed) }
    :: atomic { mine == 0 && state == running && LOST && class == repeatable && holdings < HOLDINGS ->
            took_over = true; take(claimed) }
#ifdef RETAKE_RUNNING
    :: atomic { mine == 0 && state == running && LOST && class != repeatable && holdings < HOLDINGS -> take(claimed) }
#else
    :: atomic { mine == 0 && state == running && LOST && class != repeatable ->
            was_unknown = true; fence = 0;
#ifdef UNASKED
            finder = 0;
#else
            if
            :: class == reconcilable -> finder = probe
            :: else -> finder = person
            fi;
#endif
            becomes(unknown) }
#endif
#ifdef START_UNRECORDED
    :: atomic { mine > 0 && state == claimed && fence == mine && !may_act && !acted -> may_act = true; last_runner = mine }
    :: atomic { mine > 0 && acted && state == claimed && fence == mine -> becomes(succeeded); give_up() }
#else
    :: atomic { mine > 0 && state == claimed && fence == mine ->
            last_runner = mine;
            becomes(running);
            if
            :: may_act = true
            :: printf("%d: hears no answer\n", me); give_up()
            fi }
#endif
    :: atomic { may_act && !quiet[mine] ->
            effects++; may_act = false; acted = true;
            printf("%d: takes effect %d\n", me, effects) }
    :: atomic { acted && state == running && GRIPS ->
            stale_accepted = stale_accepted || fence != mine;
            becomes(succeeded); give_up() }
    :: atomic { mine > 0 -> printf("%d: crashes\n", me); give_up() }

    /* Somebody asks the system downstream, and then says what it said. */
    :: atomic { mine == 0 && MAY_PROBE && holdings < HOLDINGS ->
            was_probed = true; probing = true;
            holdings++; fence = holdings; epoch_of_fence = epoch; mine = fence;
            printf("%d: probes\n", me) }
    :: atomic { mine > 0 && state == unknown && probing && fence == mine && !looked ->
            looked = true; happened = effects > 0 }
    :: atomic { looked && state == unknown && probing && fence == mine ->
            probing = false; fence = 0; finder = 0;
            if
            :: happened -> becomes(succeeded)
            :: !happened -> becomes(approved)
#ifdef CANNOT_TELL_RUNS
            :: becomes(approved)
#else
            :: finder = person; printf("%d: cannot tell\n", me)
#endif
            fi;
            give_up() }
    od
}

proctype the_person() {
    byte me = 9, seen;
    bool looked, happened;

end:
    do
    :: atomic { state == unknown && !looked && PERSON_MAY_SAY_NO ->
            looked = true; seen = holdings; happened = effects > 0 }
    :: atomic { looked && state == unknown && AS_SEEN ->
            was_settled = true; looked = false; probing = false; fence = 0; finder = 0;
            if
            :: happened -> becomes(succeeded)
            :: else -> becomes(approved)
            fi }
    :: atomic { looked && !(state == unknown && AS_SEEN) -> looked = false }
    :: atomic { !FINISHED -> probing = false; fence = 0; finder = 0; becomes(cancelled) }
    od
}

proctype the_world() {
    byte older, oldest;

end:
    do
    :: atomic { epoch <= MOVES -> epoch++; printf("0: the task moves\n") }
    :: atomic { older < holdings -> older++; over[older] = true; printf("0: lease %d is over by a fast clock\n", older) }
    :: atomic { oldest < older -> oldest++; quiet[oldest] = true; printf("0: lease %d is over by every clock\n", oldest) }
    od
}

init {
    atomic {
        if
        :: class = repeatable
        :: class = reconcilable
        :: class = irreversible
        fi;
        run device(1);
        run device(2);
        run the_person();
        run the_world()
    }
}

/* What must hold. */
ltl once { [] (class == repeatable || effects <= 1) }
ltl only_the_holders_result_counts { [] !stale_accepted }
ltl finished_stays { [] (ended != 0 -> state == ended) }
ltl somebody_finds_out { [] (state == unknown -> finder != 0) }
ltl done_is_done { [] (state == succeeded -> effects > 0) }

/* What can happen. Each of these must fail, or the model says nothing. */
ltl never_done { [] (state != succeeded) }
ltl never_taken_over { [] !(took_over && effects > 1) }
ltl never_unknown { [] !was_unknown }
ltl never_probed { [] !(was_probed && state == succeeded) }
ltl never_settled { [] !(was_settled && effects > 0 && state == succeeded) }
ltl never_run_after_settling { [] !(was_settled && state == running) }
ltl never_done_by_both { [] (effects < 2) }
