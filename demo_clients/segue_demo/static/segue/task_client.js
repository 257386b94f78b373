// The task store from a page (specs/protocol.md section 8): resume, live history, drafts, presence, working set, tool calls.
import { eventsOf } from "./event_stream.js";
import { Refused, Unreachable } from "./proved_fetch.js";

const PAUSES = [300, 1000, 2000, 4000, 8000]; // milliseconds before each further attempt to reconnect
const LIVE = ["delta", "draft-gone", "presence"];

export class TaskClient {
  #grant;
  #store;
  #task;

  constructor(grant, store) {
    this.#grant = grant;
    this.#store = store;
    this.#task = `${store}/tasks/${encodeURIComponent(grant.details.task_id)}`;
  }

  resume = () => this.#read("/resume");
  toolCalls = async (before = Infinity) =>
    (await this.#read(before === Infinity ? "/tool-calls" : `/tool-calls?before=${before}`)).tool_calls;
  toolCall = (call_id) => this.#read(`/tool-calls/${encodeURIComponent(call_id)}`);
  eventsAfter = async (after, limit) => (await this.#read(`/events?after=${after}&limit=${limit}`)).events;

  join = (name) => this.#write("POST", "/sessions", { name, transport: "web" });

  /** Append to the history; with the same `key` a repeat is answered like the first. */
  append = (events, { key, session_id }) => this.#write("POST", "/events", { events, session_id }, { key });

  /** An answer while it is written: begin it, go on with it behind `offset` (code points), stop whoever writes it. */
  beginDraft = (role) => this.#write("POST", "/drafts", { role });
  growDraft = (draft_id, offset, text) => this.#write("PATCH", `/drafts/${encodeURIComponent(draft_id)}`, { offset, text });
  interruptDraft = (draft_id) => this.#write("POST", `/drafts/${encodeURIComponent(draft_id)}/interrupt`, {});
  drafts = async () => (await this.#read("/drafts")).drafts;

  /** Say that a person is in front of this session: `here`, `away` or `typing`. Forgotten after 30 seconds. */
  attend = (state, session_id) => this.#write("PUT", "/presence", { state, session_id });

  /** Put a new item into the working set. Throws `Refused` 412 if there is one under this id. */
  createItem = (item_id, item, key) =>
    this.#write("PUT", `/working-set/${encodeURIComponent(item_id)}`, item, { key, headers: { "If-None-Match": "*" } });

  /** Name the task, on its `version`. Throws `Refused` 412 if somebody changed it meanwhile. */
  rename = (name, version) => this.#write("PATCH", "", { name }, { headers: { "If-Match": `"${version}"` } });

  proposeName = (name, key) => this.#write("POST", "/name-proposals", { name }, { key });
  declineName = (seq) => this.#write("DELETE", `/name-proposals/${seq}`);

  /** Throws `Refused` 409 `illegal-transition`, or `unsettled` with the calls that are in the way. */
  changeStatus = (to) => this.#write("POST", "/status", { to });

  propose = (call, key) => this.#write("POST", "/tool-calls", call, { key });

  /** `approve`, `deny`, `claim`, `start`, `heartbeat`, `complete`, `fail`, `cancel` or `settle` a tool call. */
  step = (call_id, verb, members, key) =>
    this.#write("POST", `/tool-calls/${encodeURIComponent(call_id)}/${verb}`, members, { key });

  /**
   * The history after `after` and then live, for as long as `signal` allows: lost connections and ended tokens are mended from
   * the last sequence number seen. `onConnection` hears "live" and "reconnecting"; `onLive(event, data)` hears what is not in the
   * log, all of it anew after each "live". Throws `Refused` when the store says no.
   */
  async *follow(after, { signal, onConnection, onLive = () => {} }) {
    for (let failures = 0; !signal.aborted; ) {
      const offline = new AbortController(); // a stream can look alive for long after the network has gone
      const goneOffline = () => offline.abort();
      addEventListener("offline", goneOffline);
      try {
        const answer = await this.#stream(after, AbortSignal.any([signal, offline.signal]));
        onConnection("live");
        for await (const { event, id, data } of eventsOf(answer)) {
          failures = 0;
          if (LIVE.includes(event)) onLive(event, JSON.parse(data));
          if (event !== "message") continue;
          after = Number(id);
          yield JSON.parse(data);
        }
        await pause(PAUSES[0], signal); // the token ran out or the server goes away; neither is a failure yet
      } catch (failure) {
        if (signal.aborted) return;
        if (failure instanceof Refused && failure.status < 500) throw failure;
        onConnection("reconnecting");
        await pause(PAUSES[Math.min(failures++, PAUSES.length - 1)], signal);
      } finally {
        removeEventListener("offline", goneOffline);
      }
    }
  }

  async #stream(after, signal) {
    const headers = { Accept: "text/event-stream", "Last-Event-ID": String(after) };
    const answer = await this.#grant.request("GET", `${this.#task}/events`, { audience: this.#store, headers, signal });
    if (!answer.ok) throw await Refused.of(answer);
    if (!answer.body) throw new Unreachable(new URL(this.#store).origin);
    return answer;
  }

  #read(path) {
    return this.#grant.call("GET", this.#task + path, { audience: this.#store });
  }

  #write(method, path, members, { key = crypto.randomUUID(), headers = {} } = {}) {
    return this.#grant.call(method, this.#task + path, {
      audience: this.#store,
      headers: { "Content-Type": "application/json", "Idempotency-Key": key, ...headers },
      body: JSON.stringify(members),
    });
  }
}

/** Wait, but no longer than until the network is back. */
function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds * (0.75 + Math.random() / 2));
    addEventListener("online", done);
    signal.addEventListener("abort", done, { once: true });
  });
}
