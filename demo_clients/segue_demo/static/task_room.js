// One task, live: what the store says it is, kept up to date from its log, and whether this device may still write.
import { ordinary } from "./elision.js";
import { Refused } from "./segue/proved_fetch.js";
import * as vault from "./segue/vault.js";

const STORE_KINDS = /^(task|log|subject|session|working_set|tool_call|participant|handoff)\./;

/** Fires "change" after `state` has changed, and "live" after its `drafts` or `presence` alone have. */
export class TaskRoom extends EventTarget {
  #client;
  #epoch;
  #closing = new AbortController();
  #refreshing = null;
  #stale = false;

  constructor({ client, epoch, name }) {
    super();
    this.#client = client;
    this.#epoch = epoch;
    this.name = name;
    this.session_id = undefined;
    this.device_id = undefined; // of this device, as the store calls it
    this.sub = undefined; // of the person who is signed in here
    this.state = {
      task: null,
      paragraph: "",
      items: [],
      calls: [],
      events: [],
      sessions: [],
      participants: [],
      handoffs: [],
      lead: "agent", // the role that answers the customer
      drafts: new Map(), // draft_id -> {draft_id, role, actor, text, grown_at in milliseconds}
      presence: { known: true, present: [] },
      writable: false,
      movedTo: null, // {device_id} of the device the task moved to
      connection: "opening",
      failure: null, // why the room is closed for good
    };
  }

  /** Load the task, join it and follow its log until `close`. */
  async open() {
    const view = await this.#client.resume();
    this.state.events = view.events;
    this.#adopt(view, await this.#client.toolCalls());
    if (!this.state.writable) this.#noticeMove(view.events);
    await this.#join(view);
    this.#changed();
    this.#follow(view.cursor);
  }

  close() {
    this.#closing.abort();
  }

  /** What the person of this device is in the task: `customer`, `agent`, `human_agent` or `supervisor`. */
  get role() {
    return this.state.participants.find(({ sub }) => sub === this.sub)?.role ?? "customer";
  }

  /** This device may no longer write: the task moved away, seen here or told by a refusal. */
  moved(to) {
    this.state.movedTo = { ...this.state.movedTo, ...to };
    this.state.writable = false;
    this.#changed();
  }

  /** Take a refusal of a write. True if repeating it is of no use: the task has moved, or the grant does not allow it. */
  noticeRefusal(failure) {
    if (!(failure instanceof Refused)) return false;
    if (failure.error === "stale-epoch") this.moved({});
    if (failure.error === "insufficient_scope") this.#refresh(); // `access` tells whether the task has moved
    return ["stale-epoch", "insufficient_scope"].includes(failure.error);
  }

  async loadEarlier() {
    const first = this.state.events[0]?.seq ?? 1;
    let earlier = [];
    for (let last = first - 1, size = 50; last > 0 && !earlier.length; size = 1000) {
      const after = Math.max(0, last - size); // further back where all of it is told by a summary
      earlier = (await this.#client.eventsAfter(after, last - after)).filter(({ seq }) => seq <= last);
      last = after;
    }
    this.state.events = [...earlier, ...this.state.events];
    this.#changed();
  }

  /** The session of before a reload if it is still live, otherwise a new one. */
  async #join({ sessions }) {
    const kept = await vault.get("session");
    const live = sessions.find(({ session_id }) => session_id === kept);
    const session = live ?? (await this.#client.join(this.name));
    if (!live) this.state.sessions = [...this.state.sessions, session];
    this.session_id = session.session_id;
    this.device_id = session.device_id;
    this.sub = session.sub;
    await vault.put("session", session.session_id);
  }

  async #follow(cursor) {
    try {
      const onConnection = (connection) => {
        this.state.connection = connection;
        if (connection === "live") this.#forgetLive();
        this.#changed();
      };
      const onLive = (event, data) => this.#hear(event, data);
      const { signal } = this.#closing;
      for await (const event of this.#client.follow(cursor, { signal, onConnection, onLive })) this.#take(event);
    } catch (failure) {
      Object.assign(this.state, { failure, writable: false, connection: "closed" });
      this.#changed();
    }
  }

  #take(event) {
    if (event.seq <= (this.state.events.at(-1)?.seq ?? 0)) return;
    this.state.events = ordinary([...this.state.events, event]);
    if (event.kind === "message") this.state.drafts.delete(event.body.draft_id);
    this.#noticeMove([event]);
    this.#changed();
    if (STORE_KINDS.test(event.kind)) this.#refresh();
  }

  #hear(event, data) {
    const { drafts } = this.state;
    if (event === "presence") this.state.presence = data;
    if (event === "draft-gone") drafts.delete(data.draft_id);
    if (event === "delta") {
      const { draft_id, offset, text, ...about } = data;
      const before = offset === 0 ? "" : drafts.get(draft_id)?.text;
      if (before !== undefined) drafts.set(draft_id, { ...about, draft_id, text: before + text, grown_at: Date.now() });
    }
    this.dispatchEvent(new Event("live"));
  }

  /** A new stream tells all of it anew. */
  #forgetLive() {
    this.state.drafts = new Map();
    this.state.presence = { known: true, present: [] };
    this.dispatchEvent(new Event("live"));
  }

  #noticeMove(events) {
    const move = events.findLast(({ kind, body }) => kind === "task.moved" && body.epoch > this.#epoch);
    if (move) this.moved({ device_id: move.body.device_id ?? move.actor?.device_id });
  }

  /** Read the state anew, once for any number of events that arrive together. */
  async #refresh() {
    this.#stale = true;
    this.#refreshing ??= this.#refreshWhileStale().finally(() => (this.#refreshing = null));
  }

  async #refreshWhileStale() {
    await new Promise((resolve) => setTimeout(resolve, 50));
    while (this.#stale) {
      this.#stale = false;
      try {
        this.#adopt(await this.#client.resume(), await this.#client.toolCalls());
        this.#changed();
      } catch {
        return; // the stream tells of the trouble, and the next event asks again
      }
    }
  }

  #adopt(view, calls) {
    const { task, paragraph, working_set: items, sessions, participants, handoffs, lead } = view;
    const writable = task.access === "write" && !this.state.movedTo;
    Object.assign(this.state, { task, paragraph, items, sessions, participants, handoffs, lead, calls, writable });
    if (task.access !== "write" && !this.state.movedTo) this.state.movedTo = {};
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
