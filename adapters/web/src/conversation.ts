// A task as a conversation: its history, what the person says, and the answer as it grows, from any device and any moment on.
import { Inbox } from "./inbox.js";
import type { Grant } from "./segue/grant.js";
import type { Answer } from "./segue/proved_fetch.js";
import { type LiveEvent, TaskClient, type TaskEvent, type ToolCall } from "./segue/task_client.js";
import { asks, type Change, saidIn, Turn } from "./turn.js";

const PAGE = 1000;
const TAIL = 50; // events of a resume
const RESTING = ["paused", "closed", "archived", "erased"];

export interface ConversationOptions {
  grant: Grant;
  /** The address of the task store. */
  store: string;
  /** Called once what the person said is in the log, where an agent has to be asked and does not follow the log itself. */
  ask?: (said: { seq: number; text: string }) => Promise<unknown>;
}

export type Step = Exclude<Change, { type: "call" }> | { type: "call"; call: ToolCall };

export type Part = { type: "text"; id: string; seq: number; text: string } | { type: "call"; call: ToolCall };

/** What one side said until the other did. `asked` is the event that an answer answers, 0 for what was said before any. */
export interface Message {
  id: string;
  role: "user" | "assistant";
  asked: number;
  at: number;
  parts: Part[];
}

type Heard = { event: TaskEvent } | { live: LiveEvent; data: Answer } | { connected: true };

export class Conversation {
  readonly client: TaskClient;
  readonly task_id: string;
  #ask: ConversationOptions["ask"];

  constructor({ grant, store, ask }: ConversationOptions) {
    this.client = new TaskClient(grant, store);
    this.task_id = grant.details.task_id;
    this.#ask = ask;
  }

  /**
   * Put what the person said into the log; the number of its event. The same `id` again says it only once, also from a device
   * that did not say it first. Throws `Refused`: 409 `stale-epoch` where the task has moved on.
   */
  async say(id: string, text: string): Promise<number> {
    const before = (await this.client.resume()).events.find((event) => event.body.message_id === id);
    if (before && before.body.text !== text) throw new Error("what was said stays as it was: say something new");
    if (before) return before.seq;
    const said = { kind: "message", role: "customer", body: { text, message_id: id } };
    const { first: seq } = await this.client.append([said], { key: `message-${id}` });
    await this.#ask?.({ seq, text });
    return seq;
  }

  /** Stop whoever writes an answer now; it ends as what had been said. */
  async interrupt(): Promise<void> {
    const drafts = (await this.client.drafts()).filter(({ interrupted }) => !interrupted);
    await Promise.all(drafts.map(({ draft_id }) => this.client.interruptDraft(draft_id)));
  }

  /** The person's decision about a tool call that waits for it. */
  decide(call_id: string, approved: boolean, reason?: string): Promise<ToolCall> {
    return this.client.step(call_id, approved ? "approve" : "deny", approved || !reason ? {} : { reason });
  }

  /** What the answer that is to be gone on with answers; null if nothing is expected. */
  async openTurn(): Promise<number | null> {
    const { events, asked, status } = await this.#tail();
    if (RESTING.includes(status)) return null;
    const turn = new Turn(asked);
    for (const event of events) for (const _ of turn.take(event));
    for (const _ of turn.only(await this.client.drafts(), 0));
    return !turn.ended && (asked > 0 || turn.begun) ? asked : null;
  }

  /**
   * The answer to the event `asked`: from its beginning, and then live to its end, each piece once however often the line breaks.
   * Ends early, without a word, when `signal` says so. Throws `Refused` when the store does.
   */
  async *answer(asked: number, signal?: AbortSignal): AsyncGenerator<Step> {
    const stop = new AbortController();
    const stopped = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
    const turn = new Turn(asked);
    try {
      for await (const heard of this.#hear(asked, stopped)) {
        for (const change of await this.#changes(turn, heard)) {
          yield change.type === "call" ? { type: "call", call: await this.client.toolCall(change.call_id) } : change;
        }
        if (turn.ended) return;
      }
    } finally {
      stop.abort();
    }
  }

  /** Everything that was said, oldest first. `until` is an event: what answers it is left out, as it is still to come. */
  async history({ until = null }: { until?: number | null } = {}): Promise<Message[]> {
    const events: TaskEvent[] = [];
    for await (const event of this.#all()) if (until === null || event.seq <= until) events.push(event);
    const calls = await this.#calls(events.filter(isProposal));
    const messages: Message[] = [];
    let asked = 0;
    for (const event of events) {
      if (asks(event)) asked = event.seq;
      const part = partOf(event, calls);
      if (part) place(messages, part, event, asked);
    }
    return messages;
  }

  /** The calls of these events. Those of before a fork are in the log alone, and left out. */
  async #calls(proposals: TaskEvent[]): Promise<Map<string, ToolCall>> {
    const found = new Map<string, ToolCall>();
    for (let before = Infinity; before > (proposals[0]?.seq ?? Infinity); ) {
      const page = await this.client.toolCalls(before);
      if (!page.length) break;
      for (const call of page) found.set(call.call_id, call);
      before = page.at(-1)!.proposed_seq;
    }
    return found;
  }

  async *#all(): AsyncGenerator<TaskEvent> {
    for (let after = 0; ; ) {
      const page = await this.client.eventsAfter(after, PAGE);
      if (!page.length) return;
      yield* page;
      after = page.at(-1)!.seq;
    }
  }

  /** The end of the log, from what the person said last, and which event that is. */
  async #tail(): Promise<{ events: TaskEvent[]; asked: number; status: string }> {
    const view = await this.client.resume();
    let events = view.events;
    for (let first = events[0]?.seq ?? 1, size = TAIL; first > 1 && !events.some(asks); size = PAGE) {
      const after = Math.max(0, first - 1 - size);
      const earlier = (await this.client.eventsAfter(after, size)).filter(({ seq }) => seq < first);
      events = [...earlier, ...events];
      first = after + 1;
    }
    return { events, asked: events.findLast(asks)?.seq ?? 0, status: view.task.status };
  }

  async *#hear(after: number, signal: AbortSignal): AsyncGenerator<Heard> {
    const inbox = new Inbox<Heard>();
    const onLive = (live: LiveEvent, data: Answer) => inbox.put({ live, data });
    const onConnection = (connection: string) => connection === "live" && inbox.put({ connected: true });
    const follow = async () => {
      for await (const event of this.client.follow(after, { signal, onConnection, onLive })) inbox.put({ event });
    };
    follow().then(() => inbox.close(), (failure) => inbox.close(failure));
    signal.addEventListener("abort", () => inbox.close(), { once: true });
    yield* inbox;
  }

  async #changes(turn: Turn, heard: Heard): Promise<Change[]> {
    if ("event" in heard) return [...turn.take(heard.event)];
    if ("connected" in heard) return turn.begun ? this.#stillThere(turn) : [];
    if (heard.live === "delta") return [...turn.grow(heard.data as Parameters<Turn["grow"]>[0])];
    return heard.live === "draft-gone" ? [...turn.drop(heard.data.draft_id)] : [];
  }

  /** A stream does not tell which drafts were forgotten while it was broken; those that were finished are in the log. */
  async #stillThere(turn: Turn): Promise<Change[]> {
    try {
      const drafts = await this.client.drafts();
      return [...turn.only(drafts, (await this.client.resume()).cursor)];
    } catch {
      return []; // the stream that is open tells of the trouble
    }
  }
}

const isProposal = ({ kind }: TaskEvent) => kind === "tool_call.proposed";

function partOf(event: TaskEvent, calls: Map<string, ToolCall>): Part | null {
  const call = isProposal(event) && calls.get(event.body.call_id);
  if (call) return { type: "call", call };
  const said = event.role === "system" ? null : saidIn(event);
  return said && { type: "text", id: said.body.draft_id ?? `event-${event.seq}`, seq: event.seq, text: said.text };
}

function place(messages: Message[], part: Part, event: TaskEvent, asked: number): void {
  const role = event.role === "customer" && part.type === "text" ? "user" : "assistant";
  const id = role === "user" ? (event.body.message_id ?? `event-${event.seq}`) : `answer-${asked}`;
  const last = messages.at(-1);
  if (last && role === "assistant" && last.id === id) last.parts.push(part);
  else messages.push({ id, role, asked, at: event.at, parts: [part] });
}
