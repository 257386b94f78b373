// The history in words: what a person would say happened, for each kind of event.
const PLAIN = {
  "task.created": () => "The task was opened",
  "task.renamed": ({ body }) => `The task is now called “${body.name}”`,
  "task.status_changed": ({ body }) => `The task is ${body.to} now`,
  "task.name_proposed": ({ body }) => `A name was proposed: “${body.name}”`,
  "task.name_declined": () => "The proposed name was declined",
  "task.budget_changed": () => "The task has another budget",
  "task.moved": ({ to }) => `The task moved to ${to}`,
  "session.joined": ({ body }) => `${body.name || "A device"} joined`,
  "session.left": ({ by }) => `${by} left`,
  "working_set.deleted": ({ body }) => `Removed from the working set: ${body.item_id}`,
};
const OF_CALLS = {
  "tool_call.proposed": () => "proposed",
  "tool_call.approved": () => "approved",
  "tool_call.claimed": ({ by }) => `taken on by ${by}`,
  "tool_call.started": () => "started",
  "tool_call.succeeded": () => "finished",
  "tool_call.failed": () => "failed",
  "tool_call.refused": ({ by }) => `a late word of ${by} was refused`,
  "tool_call.unknown": () => "outcome unknown",
  "tool_call.probing": ({ by }) => `${by} looks what became of it`,
  "tool_call.settled": () => "its outcome was found out",
  "tool_call.denied": () => "declined",
  "tool_call.cancelled": () => "cancelled",
};

/**
 * `{who, head, text}`: `who` is "customer" or "agent" for messages and null for what the store logs; lines that follow each
 * other and have the same `head` belong together.
 */
export function describe({ kind, role, body, actor }, names) {
  if (kind === "message") return { who: role, head: null, text: String(body.text ?? "") };
  const by = names(actor?.device_id) ?? "another device";
  const to = names(body.device_id) ?? "another device";
  if (kind === "working_set.changed") {
    return { who: null, head: body.version === 1 ? "Added" : "Changed", text: body.title };
  }
  if (OF_CALLS[kind]) return { who: null, head: body.title || "A tool call", text: OF_CALLS[kind]({ by }) };
  const words = PLAIN[kind]?.({ body, by, to }) ?? kind.replaceAll(/[._]/g, " ");
  return { who: null, head: null, text: words.charAt(0).toUpperCase() + words.slice(1) };
}
