// Keeps the agent's work going from this device while it may write: opening turn, answers, and the tool call it holds.
//
// Every write has a key that follows from what it answers, so a reload or a second tab repeats it without harm.
import { AnswerWriter, GRACE } from "./answer_writer.js";
import { Refused } from "./segue/proved_fetch.js";
import { rests } from "./task_head.js";

const LEASE = 30; // seconds a tool call stays ours without a heartbeat
const BEAT = 10_000; // milliseconds between heartbeats
const GLANCE = 1000; // milliseconds between looks at the job, and at what another device is to do
const AGAIN = 3000; // milliseconds before a failed attempt is repeated
const HELD = 10_000; // milliseconds before another device's call is asked for again: its lease may have lapsed
const UNFINISHED = ["approved", "claimed", "running"];

/** `onProgress(call_id, percent)` hears of the call this device drives. */
export class AgentDriver {
  #room;
  #client;
  #grant;
  #agent;
  #writer;
  #onProgress;
  #busy = new Set();
  #unsent = null; // {text, key} of what was said and not acknowledged
  #seen = new Map(); // what another device is to do -> since when we know of it
  #glance = null;

  constructor({ room, client, grant, agent, onProgress }) {
    this.#room = room;
    this.#client = client;
    this.#grant = grant;
    this.#agent = agent;
    this.#writer = new AnswerWriter({ client, room });
    this.#onProgress = onProgress;
    room.addEventListener("change", () => this.#consider());
    this.#consider();
  }

  /** Say something to the agent; its answer comes with the log. The same again after a failure is written once. */
  async say(text) {
    if (this.#unsent?.text !== text) this.#unsent = { text, key: `say-${crypto.randomUUID()}` };
    const said = { kind: "message", role: this.#room.role, body: { text } };
    await this.#client.append([said], { key: this.#unsent.key, session_id: this.#room.session_id });
    this.#unsent = null;
  }

  #consider() {
    const { task, writable, calls, events, items, handoffs } = this.#room.state;
    if (!writable || this.#room.role !== "customer") return; // the agent works on the customer's behalf
    if (rests(task.status) || handoffs.some(silencesAgent)) return this.#finish(calls);
    const messages = events.filter(({ kind }) => kind === "message");
    if (calls.length === 0 && (messages.length === 0 || messages.at(-1).body.turn === "opening")) {
      this.#once("opening", { mine: !this.#grant.details.transfer_id }, () => this.#turn("opening"));
    }
    for (const { seq, actor, body } of unanswered(messages)) {
      const key = `reply-${seq}`;
      this.#once(key, { mine: this.#isOwn(actor) }, () => this.#turn(key, body.text));
    }
    for (const call of calls) {
      if (UNFINISHED.includes(call.state)) this.#once(call.call_id, { mine: true }, () => this.#hold(call.call_id));
      const output = `output-${call.call_id}`;
      if (call.state === "succeeded" && !items.some(({ item_id }) => item_id === output)) {
        const ended = events.findLast(({ kind, body }) => kind.startsWith("tool_call.") && body.call_id === call.call_id);
        this.#once(output, { mine: this.#isOwn(ended?.actor) }, () => this.#report(output, call));
      }
    }
  }

  /** In a task that rests or was handed over nothing begins, but what runs here may come to its end. */
  #finish(calls) {
    for (const { call_id, state, fence } of calls) {
      if (state === "running" && fence) this.#once(call_id, { mine: true }, () => this.#hold(call_id));
    }
  }

  #isOwn(who) {
    return who?.device_id === this.#room.device_id;
  }

  /** What another device began is that device's to go on with; ours only if it has not for a while. */
  #isDue(name, mine) {
    if (mine) return true;
    if (!this.#seen.has(name)) this.#seen.set(name, Date.now());
    const grown = [...this.#room.state.drafts.values()].filter(({ actor }) => !this.#isOwn(actor)).map(({ grown_at }) => grown_at);
    if (Date.now() - Math.max(this.#seen.get(name), ...grown) >= GRACE) return true;
    this.#glance ??= setTimeout(() => {
      this.#glance = null;
      this.#consider();
    }, GLANCE);
    return false;
  }

  /** Run `work` unless it runs already; after a failure look again a little later. */
  async #once(name, { mine }, work) {
    if (this.#busy.has(name) || !this.#isDue(name, mine)) return;
    this.#busy.add(name);
    try {
      await work();
    } catch (failure) {
      if (this.#room.noticeRefusal(failure)) return;
      this.#later(name, isHeld(failure) ? HELD : AGAIN);
      return;
    }
    this.#later(name, AGAIN); // by then the log has told of it
  }

  #later(name, milliseconds) {
    setTimeout(() => {
      this.#busy.delete(name);
      this.#consider();
    }, milliseconds);
  }

  /**
   * One turn of the agent: what it says, what it puts into the working set, the tool it wants to use. The last of these is
   * what shows that the turn is complete, so a turn that was cut off is gone through again.
   */
  async #turn(key, text) {
    const body = { task_name: this.#room.state.task.name, ...(text === undefined ? {} : { text }) };
    const turn = await this.#ask("POST", "/turns", body);
    await (text === undefined ? this.#say(turn.message, key) : this.#writer.write(turn.message, key)); // nobody waits for an opening
    for (const { item_id, ...item } of turn.working_set) await this.#put(item_id, item, `${key}-${item_id}`);
    if (turn.name_proposal) await this.#client.proposeName(turn.name_proposal, `${key}-name`);
    if (turn.tool_call) await this.#client.propose(turn.tool_call, `${key}-call`);
  }

  /** Put the result of a finished call into the working set, and say it if no other device was first. */
  async #report(item_id, { title, result }) {
    const body = result?.summary ?? JSON.stringify(result);
    const first = await this.#put(item_id, { type: "output", title, body, status: "settled" }, item_id);
    if (first) await this.#say(body, item_id);
  }

  async #say(text, turn) {
    if (this.#room.state.events.some(({ body }) => body.turn === turn)) return;
    const said = { kind: "message", role: "agent", body: { text, turn } };
    await this.#client.append([said], { key: `say-${turn}` });
  }

  /** Hold the call and drive its job until it is finished, by whoever. One tab at a time. */
  #hold(call_id) {
    return navigator.locks.request(`segue-call-${call_id}`, async () => {
      const call = await this.#take(call_id);
      if (!UNFINISHED.includes(call.state)) return;
      const grip = { fence: call.fence, lease: LEASE };
      if (call.state !== "running") await this.#client.step(call_id, "start", grip, `start-${call_id}-${call.fence}`);
      const job = `/jobs/${call.downstream_key}`;
      let report = await this.#ask("PUT", job, { tool: call.tool, arguments: call.arguments });
      for (let beat = Date.now(); report.state === "running"; ) {
        if (!this.#room.state.writable) return;
        this.#onProgress(call_id, report.progress);
        await new Promise((resolve) => setTimeout(resolve, GLANCE));
        if (Date.now() - beat > BEAT) {
          await this.#client.step(call_id, "heartbeat", grip);
          beat = Date.now();
        }
        report = await this.#ask("GET", job);
      }
      if (!this.#room.state.writable) return;
      const result = { fence: call.fence, result: report.result };
      await this.#client.step(call_id, "complete", result, `complete-${call_id}-${call.fence}`);
    });
  }

  /** The call: ours since before a reload, or claimed now. Throws `Refused` while another device holds it. */
  async #take(call_id) {
    const known = this.#room.state.calls.find((call) => call.call_id === call_id);
    return known?.fence ? known : this.#client.step(call_id, "claim", { lease: LEASE });
  }

  /** False if it is there already. */
  async #put(item_id, item, key) {
    try {
      await this.#client.createItem(item_id, item, key);
      return true;
    } catch (failure) {
      if (failure instanceof Refused && failure.status === 412) return false;
      throw failure;
    }
  }

  #ask(method, path, members) {
    const sent = members ? { headers: { "Content-Type": "application/json" }, body: JSON.stringify(members) } : {};
    return this.#grant.call(method, this.#agent + path, { audience: this.#agent, ...sent });
  }
}

/** What customers said and this agent has not answered, since anybody else said something. */
function unanswered(messages) {
  const turns = new Set(messages.map(({ body }) => body.turn));
  const last = messages.findLast(({ role, body }) => role !== "customer" && body.turn === undefined)?.seq ?? 0;
  return messages.filter(({ role, seq }) => role === "customer" && seq > last && !turns.has(`reply-${seq}`));
}

const silencesAgent = ({ state, mode, from_role }) => state === "accepted" && mode === "cold" && from_role === "agent";
const isHeld = (failure) => failure instanceof Refused && failure.error === "held";
