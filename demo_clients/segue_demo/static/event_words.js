// The history in words: what a person would say happened, for each kind of event.
const ROLES = { customer: "the customer", agent: "the agent", human_agent: "a human agent", supervisor: "a supervisor" };
const STATUSES = {
  active: "The work on the task goes on",
  paused: "The task was paused",
  resumed: "Somebody is back at the task",
  closed: "The task was closed",
  archived: "The task went to the archive",
};
const PLAIN = {
  "task.created": () => "The task was opened",
  "task.renamed": ({ body }) => `The task is now called “${body.name}”`,
  "task.status_changed": ({ body }) => (STATUSES[body.to] ?? `The task is ${body.to} now`) + quoted(body.reason),
  "task.name_proposed": ({ body }) => `A name was proposed: “${body.name}”`,
  "task.name_declined": () => "The proposed name was declined",
  "task.budget_changed": () => "The task has another budget",
  "task.budget_exhausted": ({ body }) => `The budget is used up: ${body.used} of ${body.limit} ${body.unit}`,
  "task.forked": ({ body }) => (body.name ? "This task goes on from the past of another" : "Another task goes on from a point of this one"),
  "task.reverted": ({ body }) => `The task went back to an earlier point${quoted(body.reason)}${undone(body)}`,
  "task.erased": () => "Everything that was written in the task was erased",
  "subject.erased": () => "What one person had written was erased",
  "log.corrected": ({ body }) =>
    `${body.body ? `Corrected: ${body.body.text ?? "…"}` : "Something was withdrawn"}${quoted(body.reason)}`,
  "log.expired": ({ body }) => `${TIERS[body.tier] ?? "Some of the past"} went at the end of its time`,
  "log.repaired": ({ body }) => `The task was damaged and put back to what can still be read (${body.count} found)`,
  "log.lost": () => "What stood here is lost",
  "log.compacted": ({ body }) => `What was said before is told in short${body.summary ? `: ${body.summary}` : ""}`,
  "task.moved": ({ to }) => `The task moved to ${to}`,
  "session.joined": ({ body }) => `${body.name || "A device"} joined`,
  "session.left": ({ by }) => `${by} left`,
  "participant.joined": ({ who }) => (who === "you" ? "you take part now" : `${who} takes part now`),
  "participant.left": ({ who }) => `${who} left the task`,
  "participant.removed": ({ who }) => (who === "you" ? "you were removed from the task" : `${who} was removed from the task`),
  "invitation.created": ({ role }) => `${role} was invited`,
  "invitation.declined": ({ role }) => `the invitation for ${role} was declined`,
  "invitation.withdrawn": ({ role }) => `the invitation for ${role} was withdrawn`,
  "handoff.offered": ({ from, to_role, body }) => `${from} asks ${to_role} to take over${quoted(body.reason)}`,
  "handoff.escalated": ({ from, to_role, body }) =>
    `${from} has met a limit (${body.limit?.name}) and asks ${to_role} to take over${quoted(body.reason)}`,
  "handoff.accepted": ({ from, to_role, body }) =>
    `${to_role} took over; ${from} ${body.mode === "cold" ? "is silent until it is handed back" : "stays with it"}`,
  "handoff.declined": ({ to_role }) => `${to_role} did not take over`,
  "handoff.cancelled": ({ from }) => `${from} goes on: the request to take over was withdrawn`,
  "handoff.returned": ({ from, to_role }) => `${to_role} handed back to ${from}`,
  "draft.interrupted": ({ by, role }) => `${by} stopped what ${role} was saying`,
  "artifact.changed": ({ body }) => `${body.version === 1 ? "New file" : "Changed file"}: ${body.path ?? "its name was erased"}`,
  "artifact.deleted": ({ body }) => `Deleted file: ${body.path ?? "its name was erased"}`,
  "working_set.deleted": ({ body }) => `Removed from the working set: ${body.item_id}`,
};
const OF_CALLS = {
  "tool_call.proposed": () => "proposed",
  "tool_call.approved": () => "approved",
  "tool_call.claimed": ({ by }) => `taken on by ${by}`,
  "tool_call.started": () => "started",
  "tool_call.succeeded": () => "finished",
  "tool_call.failed": () => "failed",
  "tool_call.refused": ({ by, body }) => `${by} said too late that it ${ENDED[body.said] ?? "goes on"}; this does not count`,
  "tool_call.unknown": () => "outcome unknown",
  "tool_call.probing": ({ by }) => `${by} looks what became of it`,
  "tool_call.settled": () => "its outcome was found out",
  "tool_call.denied": () => "declined",
  "tool_call.cancelled": () => "cancelled",
};

const TIERS = {
  compacted: "What a summary has replaced",
  messages: "What was said",
  versions: "Earlier versions in the working set",
  tool_calls: "What tool calls were about",
  artifacts: "The content of files",
};
const undone = ({ not_undone_count: count }) => (count ? `; ${count} tool calls outside are not undone` : "");
const ENDED = { succeeded: "has finished", failed: "has failed" };

/**
 * `{who, voice, mark, head, text}`: `who` is the role for messages and null for what the store logs, `voice` its name and `mark` what is
 * to be known of it; lines that follow each other and have the same `head` belong together. `you` is the `sub` of who reads.
 */
export function describe({ kind, role, body, actor, expired, damaged }, { names, you }) {
  if (expired) return { who: null, head: null, text: "What was said here is not kept any more" };
  if (damaged) return { who: null, head: null, text: PLAIN["log.lost"]() };
  if (kind === "message") {
    const mark = body.interrupted ? "stopped here" : null;
    return { who: role, voice: voiceOf({ role, actor }, you), mark, head: null, text: String(body.text ?? "") };
  }
  const by = names(actor?.device_id) ?? "another device";
  const to = names(body.device_id) ?? "another device";
  const [from, to_role, about] = [body.from_role, body.to_role, body.role].map((named) => ROLES[named] ?? named);
  const who = body.sub && body.sub === you ? "you" : about;
  if (kind === "working_set.changed") {
    return { who: null, head: body.version === 1 ? "Added" : "Changed", text: body.title };
  }
  if (OF_CALLS[kind]) return { who: null, head: body.title || "A tool call", text: OF_CALLS[kind]({ by, body }) };
  const words = PLAIN[kind]?.({ body, by, to, from, to_role, role: about, who }) ?? kind.replaceAll(/[._]/g, " ");
  return { who: null, head: null, text: capital(words) };
}

/** Whose words these are, for the reader `you`. */
export function voiceOf({ role, actor }, you) {
  if (role !== "agent" && actor?.sub === you) return "You";
  return capital(roleWords(role).replace(/^(the|a) /, ""));
}

export const roleWords = (role) => ROLES[role] ?? role;

export const capital = (words) => words.charAt(0).toUpperCase() + words.slice(1);

const quoted = (reason) => (reason ? `: “${reason}”` : "");
