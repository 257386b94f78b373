// The history in words: what a person would say happened, for each kind of event.
import { plural, t } from "./text.js";

const ROLES = { customer: t("the customer"), agent: t("the agent"), human_agent: t("a human agent"), supervisor: t("a supervisor") };
const VOICES = { customer: t("Customer"), agent: t("Agent"), human_agent: t("Human agent"), supervisor: t("Supervisor") };
const STATUSES = {
  active: t("The work on the task goes on"),
  paused: t("The task was paused"),
  resumed: t("Somebody is back at the task"),
  closed: t("The task was closed"),
  archived: t("The task went to the archive"),
};
const EXPIRED = {
  compacted: t("What a summary has replaced went at the end of its time"),
  messages: t("What was said went at the end of its time"),
  versions: t("Earlier versions in the working set went at the end of their time"),
  tool_calls: t("What tool calls were about went at the end of its time"),
  artifacts: t("The content of files went at the end of its time"),
};
const LOST = t("What stood here is lost");

const PLAIN = {
  "task.created": () => t("The task was opened"),
  "task.renamed": ({ body }) => t("The task is now called “{name}”", { name: body.name }),
  "task.status_changed": ({ body }) => because(STATUSES[body.to] ?? t("The task is {status} now", { status: body.to }), body),
  "task.name_proposed": ({ body }) => t("A name was proposed: “{name}”", { name: body.name }),
  "task.name_declined": () => t("The proposed name was declined"),
  "task.sensitivity_changed": () => t("The task has another sensitivity"),
  "task.budget_changed": () => t("The task has another budget"),
  "task.budget_exhausted": ({ body: { used, limit, unit } }) => t("The budget is used up: {used} of {limit} {unit}", { used, limit, unit }),
  "task.forked": ({ body }) => (body.name ? t("This task goes on from the past of another") : t("Another task goes on from a point of this one")),
  "task.reverted": ({ body }) => notUndone(because(t("The task went back to an earlier point"), body), body),
  "task.erased": () => t("Everything that was written in the task was erased"),
  "subject.erased": () => t("What one person had written was erased"),
  "log.corrected": ({ body }) =>
    because(body.body ? t("Corrected: {text}", { text: body.body.text ?? "…" }) : t("Something was withdrawn"), body),
  "log.expired": ({ body }) => EXPIRED[body.tier] ?? t("Some of the past went at the end of its time"),
  "log.repaired": ({ body }) => t("The task was damaged and put back to what can still be read ({count} found)", { count: body.count }),
  "log.lost": () => LOST,
  "log.compacted": ({ body: { summary } }) =>
    summary ? t("What was said before is told in short: {summary}", { summary }) : t("What was said before is told in short"),
  "task.moved": ({ to }) => t("The task moved to {device}", { device: to }),
  "session.joined": ({ body }) => (body.name ? t("{device} joined", { device: body.name }) : t("A device joined")),
  "session.left": ({ by }) => t("{device} left", { device: by }),
  "participant.joined": ({ who, you }) => (you ? t("You take part now") : t("{who} takes part now", { who })),
  "participant.left": ({ who, you }) => (you ? t("You left the task") : t("{who} left the task", { who })),
  "participant.removed": ({ who, you }) => (you ? t("You were removed from the task") : t("{who} was removed from the task", { who })),
  "invitation.created": ({ who }) => t("{who} was invited", { who }),
  "invitation.declined": ({ who }) => t("The invitation for {who} was declined", { who }),
  "invitation.withdrawn": ({ who }) => t("The invitation for {who} was withdrawn", { who }),
  "handoff.offered": ({ from, to_role, body }) => because(t("{from} asks {to} to take over", { from, to: to_role }), body),
  "handoff.escalated": ({ from, to_role, body }) =>
    because(t("{from} has met a limit ({limit}) and asks {to} to take over", { from, to: to_role, limit: body.limit?.name }), body),
  "handoff.accepted": ({ from, to_role, body }) =>
    body.mode === "cold"
      ? t("{to} took over; {from} is silent until it is handed back", { from, to: to_role })
      : t("{to} took over; {from} stays with it", { from, to: to_role }),
  "handoff.declined": ({ to_role }) => t("{to} did not take over", { to: to_role }),
  "handoff.cancelled": ({ from }) => t("{from} goes on: the request to take over was withdrawn", { from }),
  "handoff.returned": ({ from, to_role }) => t("{to} handed back to {from}", { from, to: to_role }),
  "draft.interrupted": ({ by, who }) => t("{device} stopped what {who} was saying", { device: by, who }),
  "artifact.changed": ({ body }) =>
    body.version === 1 ? t("New file: {path}", { path: pathOf(body) }) : t("Changed file: {path}", { path: pathOf(body) }),
  "artifact.deleted": ({ body }) => t("Deleted file: {path}", { path: pathOf(body) }),
  "working_set.deleted": ({ body }) => t("Removed from the working set: {item}", { item: body.item_id }),
};
const OF_CALLS = {
  "tool_call.proposed": () => t("proposed"),
  "tool_call.approved": () => t("approved"),
  "tool_call.claimed": ({ by }) => t("taken on by {device}", { device: by }),
  "tool_call.started": () => t("started"),
  "tool_call.succeeded": () => t("finished"),
  "tool_call.failed": () => t("failed"),
  "tool_call.refused": ({ by, body }) => (TOO_LATE[body.said] ?? TOO_LATE.running)(by),
  "tool_call.unknown": () => t("outcome unknown"),
  "tool_call.probing": ({ by }) => t("{device} looks what became of it", { device: by }),
  "tool_call.settled": () => t("its outcome was found out"),
  "tool_call.denied": () => t("declined"),
  "tool_call.cancelled": () => t("cancelled"),
};
const TOO_LATE = {
  succeeded: (device) => t("{device} said too late that it has finished; this does not count", { device }),
  failed: (device) => t("{device} said too late that it has failed; this does not count", { device }),
  running: (device) => t("{device} said too late that it goes on; this does not count", { device }),
};

/**
 * `{who, voice, mark, head, text}`: `who` is the role for messages and null for what the store logs, `voice` its name and `mark` what is
 * to be known of it; lines that follow each other and have the same `head` belong together. `you` is the `sub` of who reads.
 */
export function describe({ kind, role, body, actor, expired, damaged }, { names, you }) {
  if (expired) return { who: null, head: null, text: t("What was said here is not kept any more") };
  if (damaged) return { who: null, head: null, text: LOST };
  if (kind === "message") {
    const mark = body.interrupted ? t("stopped here") : null;
    return { who: role, voice: voiceOf({ role, actor }, you), mark, own: isOwn({ role, actor }, you), head: null, text: String(body.text ?? "") };
  }
  const by = names(actor?.device_id) ?? t("another device");
  const to = names(body.device_id) ?? t("another device");
  const [from, to_role, who] = [body.from_role, body.to_role, body.role].map(roleWords);
  if (kind === "state.kept" || kind === "state.dropped") return { who: null, head: null, text: "" }; // the agent's own matter
  if (kind === "working_set.changed") {
    return { who: null, head: body.version === 1 ? t("Added") : t("Changed"), text: body.title };
  }
  if (OF_CALLS[kind]) return { who: null, head: body.title || t("A tool call"), text: OF_CALLS[kind]({ by, body }) };
  const words = PLAIN[kind]?.({ body, by, to, from, to_role, who, you: Boolean(body.sub) && body.sub === you }) ?? kind.replaceAll(/[._]/g, " ");
  return { who: null, head: null, text: capital(words) };
}

/** Whose words these are, for the reader `you`. */
export const voiceOf = (spoken, you) => (isOwn(spoken, you) ? t("You") : (VOICES[spoken.role] ?? spoken.role));

/** Whom a role is, in the middle of a sentence. */
export const roleWords = (role) => ROLES[role] ?? role;

const isOwn = ({ role, actor }, you) => role !== "agent" && actor?.sub === you;

const capital = (words) => words.charAt(0).toLocaleUpperCase() + words.slice(1);

const pathOf = ({ path }) => path ?? t("its name was erased");

const because = (happened, { reason }) => (reason ? t("{happened}: “{reason}”", { happened, reason }) : happened);

function notUndone(said, { not_undone_count: count }) {
  if (!count) return said;
  const next = plural("{count} tool call outside is not undone", "{count} tool calls outside are not undone", count);
  return t("{said}; {next}", { said, next });
}
