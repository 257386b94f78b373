// One answer in a task's log: what the agent says, and the tool calls it waits for, from the person's message to its end.
import type { Answer } from "./segue/proved_fetch.js";
import type { Draft, TaskEvent } from "./segue/task_client.js";

/** What changed. `call` says that a tool call did; what it is now has to be read. */
export type Change =
  | { type: "text"; id: string; delta: string }
  | { type: "text-done"; id: string; interrupted: boolean }
  | { type: "text-gone"; id: string }
  | { type: "call"; call_id: string }
  | { type: "ended"; interrupted: boolean };

const CALL = "tool_call.";
const CALL_OVER = ["tool_call.succeeded", "tool_call.failed", "tool_call.denied", "tool_call.cancelled"];
const SPEAKERS = ["agent", "human_agent"];
const RESTING = ["paused", "closed", "archived", "erased"];

/** What an event says to who reads the conversation; null if it is no part of it. A correction says what it corrects anew. */
export function saidIn(event: TaskEvent): { role: string; text: string; body: Answer } | null {
  const body = event.kind === "log.corrected" && event.body.kind === "message" ? event.body.body : event.body;
  if (!["message", "log.corrected"].includes(event.kind) || typeof body?.text !== "string") return null;
  return { role: event.role, text: body.text, body };
}

export const asks = (event: TaskEvent): boolean => event.kind === "message" && event.role === "customer";

/**
 * Takes events and drafts as a stream tells them, also twice, and says what is new. It has ended with a message of the agent that
 * leaves nothing unfinished: no call, no draft, and not `"continues": true` in its body; or when somebody asks again, or the task rests.
 */
export class Turn {
  ended = false;
  #seq: number;
  #texts = new Map<string, string>(); // as far as it was told
  #drafts = new Set<string>(); // being written
  #calls = new Set<string>(); // unfinished
  #said = 0;
  #called = 0;
  #doubted: { head: number; ids: string[] } | null = null; // drafts that are gone or finished
  #continues = false;
  #interrupted = false;

  constructor(asked: number) {
    this.#seq = asked;
  }

  /** Whether anything of it is there. */
  get begun(): boolean {
    return this.#said > 0 || this.#called > 0 || this.#drafts.size > 0;
  }

  *take(event: TaskEvent): Generator<Change> {
    if (this.ended || event.seq <= this.#seq) return;
    this.#seq = event.seq;
    const said = saidIn(event);
    if (asks(event) || (event.kind === "task.status_changed" && RESTING.includes(event.body.to))) return yield* this.#end();
    if (said && SPEAKERS.includes(event.role)) yield* this.#say(event.seq, said);
    if (event.kind.startsWith(CALL) && event.kind !== "tool_call.refused") yield* this.#call(event);
    yield* this.#settle();
    yield* this.#perhapsEnd();
  }

  *grow({ draft_id, role, offset, text }: { draft_id: string; role: string; offset: number; text: string }): Generator<Change> {
    if (this.ended || !SPEAKERS.includes(role)) return;
    const known = this.#texts.get(draft_id);
    if (known === undefined && offset > 0) return; // its beginning is told with the next stream
    this.#drafts.add(draft_id);
    yield* this.#tell(draft_id, offset === 0 ? text : known + text);
  }

  /** All drafts there are, told anew. Others are gone, unless an event up to `head`, which may be on its way, has finished them. */
  *only(drafts: Draft[], head: number): Generator<Change> {
    const ids = drafts.map(({ draft_id }) => draft_id);
    this.#doubted = { head, ids: [...this.#drafts].filter((id) => !ids.includes(id)) };
    for (const draft of drafts) yield* this.grow({ ...draft, offset: 0 });
    yield* this.#settle();
  }

  *#settle(): Generator<Change> {
    if (!this.#doubted || this.#seq < this.#doubted.head) return;
    const { ids } = this.#doubted;
    this.#doubted = null;
    for (const id of ids) yield* this.drop(id);
  }

  *drop(draft_id: string): Generator<Change> {
    if (this.ended || !this.#drafts.delete(draft_id)) return;
    this.#texts.delete(draft_id);
    yield { type: "text-gone", id: draft_id };
    yield* this.#perhapsEnd();
  }

  *#say(seq: number, { text, body }: { text: string; body: Answer }): Generator<Change> {
    const id: string = body.draft_id ?? `event-${seq}`;
    this.#said = seq;
    this.#continues = body.continues === true;
    this.#interrupted = body.interrupted === true;
    this.#drafts.delete(id);
    yield* this.#tell(id, text);
    yield { type: "text-done", id, interrupted: this.#interrupted };
  }

  /** Only what is new of a text; all of it anew where it is not what was told so far. */
  *#tell(id: string, text: string): Generator<Change> {
    let told = this.#texts.get(id);
    if (told !== undefined && !text.startsWith(told)) {
      yield { type: "text-gone", id };
      told = undefined;
    }
    this.#texts.set(id, text);
    if (told !== text) yield { type: "text", id, delta: text.slice((told ?? "").length) };
  }

  *#call(event: TaskEvent): Generator<Change> {
    const { call_id, state } = event.body;
    this.#called = event.seq;
    const over = CALL_OVER.includes(event.kind) || ["succeeded", "failed", "cancelled"].includes(state);
    over ? this.#calls.delete(call_id) : this.#calls.add(call_id);
    yield { type: "call", call_id };
  }

  *#perhapsEnd(): Generator<Change> {
    const finished = this.#said > this.#called && !this.#continues && !this.#calls.size && !this.#drafts.size;
    if (finished && !this.ended) yield* this.#end();
  }

  *#end(): Generator<Change> {
    this.ended = true;
    yield { type: "ended", interrupted: this.#interrupted };
  }
}
