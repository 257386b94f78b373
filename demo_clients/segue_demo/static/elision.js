// What the ordinary view of a log leaves out once an event says so, for whoever follows it (protocol sections 8 and 8.5).
const OF_THE_STORE = /^(task|log|subject|session|working_set|tool_call|participant|invitation|handoff|draft|artifact|state)\./;
const DURABLE = /^(fact|decision)(\.|$)/;

const told = (kind) => !OF_THE_STORE.test(kind) || kind === "log.corrected" || kind === "log.compacted";
const transient = (kind) => !OF_THE_STORE.test(kind) && !DURABLE.test(kind);

const HIDES = {
  "log.corrected": ({ seq }, event) => event.seq === seq && told(event.kind),
  "log.compacted": ({ from_seq, to_seq }, event) => from_seq <= event.seq && event.seq <= to_seq && transient(event.kind),
  "task.reverted": ({ to }, event) => event.seq > to && told(event.kind),
};

/** Without what the newest of them hides. What a rollback shows again comes with the next reading. */
export function ordinary(events) {
  const last = events.at(-1);
  const hides = HIDES[last?.kind];
  return hides ? events.filter((event) => event === last || !hides(last.body, event)) : events;
}
