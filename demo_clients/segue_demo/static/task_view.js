// How a task looks, on every device: state in a paragraph, running work, working set, history, and a box to say something.
import { presenceWords } from "./attendance.js";
import { CallQuestion } from "./call_question.js";
import { DraftsView } from "./drafts_view.js";
import { byId, element, say } from "./elements.js";
import { describe } from "./event_words.js";
import { HistoryView } from "./history_view.js";
import { hasEnded, headPlaces, steeringPlace, TaskHead } from "./task_head.js";

const SHELVES = [
  ["document", "Draft"],
  ["decision", "Decisions"],
  ["question", "Open questions"],
  ["output", "Results"],
  ["fact", "Facts"],
  ["constraint", "Constraints"],
];
const CALL_STATES = {
  proposed: "Waits for approval",
  approved: "About to start",
  claimed: "Starting",
  running: "Running",
  succeeded: "Finished",
  failed: "Failed",
  unknown: "Outcome unknown",
  cancelled: "Cancelled",
  denied: "Declined",
};
const FOR_YOU = { proposed: "Waits for your approval", unknown: "Outcome unknown: waits for you" };
const ACTIVE = ["approved", "claimed", "running"];

export class TaskView {
  #place;
  #room;
  #progress = new Map();
  #items = new Map();
  #calls = new Map();
  #history;
  #onBringBack;
  #decisions;
  #drafts;
  #head;

  /**
   * Fill `place`; `decisions` are the person's, `room` knows who and where that is, and `onSay(text)` is called with what the person
   * types and resolves when it is stored.
   */
  constructor(place, { decisions, room, onSay, onEarlier, onBringBack }) {
    this.#place = place;
    this.#onBringBack = onBringBack;
    this.#room = room;
    place.replaceChildren(...skeleton());
    this.#decisions = decisions;
    this.#head = new TaskHead(decisions);
    const onGone = () => (byId("say").hidden ? byId("task-name") : byId("say-text")).focus();
    this.#drafts = new DraftsView(byId("drafts"), { decisions, onGone });
    this.#history = new HistoryView(byId("history"), byId("earlier"), onEarlier);
    byId("say").addEventListener("submit", (event) => this.#submit(event, onSay));
    byId("bring-back-button").onclick = onBringBack ?? null;
  }

  /** Take the task off the page for good. */
  clear() {
    this.#place.replaceChildren();
  }

  /** The percentage of a tool call that this device drives. */
  setProgress(call_id, percent) {
    this.#progress.set(call_id, percent);
    const card = this.#calls.get(call_id);
    if (card) this.#drawCall(card, card);
  }

  render(state) {
    const reader = this.#reader(state);
    const { names } = reader;
    this.#head.render(state);
    say(byId("task-paragraph"), state.paragraph);
    say(byId("task-state"), liveWords(state));
    byId("task-state").dataset.connection = state.connection;
    byId("task-state").dataset.seq = state.events.at(-1)?.seq ?? 0;
    this.#place.dataset.access = state.writable ? "write" : "read";
    this.#renderBanner(state, names);
    this.#renderCalls(state, names);
    this.#renderItems(state.items);
    this.#history.render(state.events, (event) => describe(event, reader));
    byId("say").hidden = !state.writable || hasEnded(state.task.status) || !this.#decisions.maySay;
    const byPerson = state.lead === "human_agent";
    say(byId("lead"), byPerson ? "A human agent answers in this task now." : "");
    say(byId("say-label"), byPerson ? "Say something" : "Say something to the agent");
    this.renderLive(state);
  }

  /** What is not in the log: answers being written, and who is here. */
  renderLive(state) {
    const reader = this.#reader(state);
    this.#drafts.render(state, reader);
    say(byId("presence"), presenceWords(state, reader));
  }

  /** Who reads: `you`, and what to call a device: its session's name, or "this device". */
  #reader({ sessions }) {
    const known = new Map(sessions.map(({ device_id, name }) => [device_id, name]));
    const { device_id: own, sub: you } = this.#room;
    return { you, names: (device_id) => (device_id && device_id === own ? "this device" : known.get(device_id)) };
  }

  #renderBanner({ writable, movedTo, failure }, names) {
    const banner = byId("banner");
    const device = movedTo && (movedTo.device_name ?? names(movedTo.device_id) ?? "another device");
    if (failure) say(banner, "The connection to the task has ended. Please reload this page.");
    else if (movedTo && !writable) say(banner, `This task now continues on ${device}. You can still read it here.`);
    else say(banner, "");
    banner.hidden = banner.textContent === "";
    byId("bring-back").hidden = !this.#onBringBack || !movedTo || writable || Boolean(failure);
  }

  #renderCalls({ calls, events, writable }, names) {
    byId("work").hidden = calls.length === 0;
    for (const call of calls) {
      if (!this.#calls.has(call.call_id)) {
        const card = callCard(call, this.#decisions);
        this.#calls.set(call.call_id, card);
        byId("tool-calls").append(card.place);
      }
      this.#drawCall(this.#calls.get(call.call_id), { call, writable, names, late: lateWord(events, call) });
    }
  }

  #drawCall(card, { call, writable, names, late }) {
    Object.assign(card, { call, writable, names, late });
    const active = ACTIVE.includes(call.state);
    const holder = active && call.holder ? (names(call.holder.device_id) ?? "another device") : null;
    const mine = holder === "this device" && writable;
    const percent = mine ? this.#progress.get(call.call_id) : undefined;
    const lost = holder === "this device" && !writable;
    const where = lost ? "; the other device takes it over" : holder ? ` on ${holder}` : "";
    const shown = call.error?.denied === undefined ? call.state : "denied";
    card.question.render(call, { writable, late });
    card.place.dataset.state = call.state;
    card.place.dataset.mine = String(mine);
    say(card.state, (FOR_YOU[card.question.isOpen && shown] ?? CALL_STATES[shown]) + where);
    say(card.percent, percent === undefined ? "" : `${percent} %`);
    card.bar.hidden = !active;
    if (percent === undefined) card.bar.removeAttribute("value");
    else card.bar.value = percent;
  }

  #renderItems(items) {
    for (const [type] of SHELVES) {
      const shelf = byId(`shelf-${type}`);
      const own = items.filter((item) => item.type === type);
      shelf.hidden = own.length === 0;
      shelf.querySelector(".items").replaceChildren(...own.map((item) => this.#itemElement(item)));
    }
  }

  /** The element of this version of the item: the same one as before, so that nothing flickers and nothing loses its place. */
  #itemElement(item) {
    const known = this.#items.get(item.item_id);
    if (known?.version === item.version) return known.place;
    const place = itemPlace(item);
    this.#items.set(item.item_id, { version: item.version, place });
    return place;
  }

  async #submit(event, onSay) {
    event.preventDefault();
    const [box, button] = [byId("say-text"), byId("say-button")];
    const text = box.value.trim();
    if (!text) return;
    button.disabled = true;
    say(byId("say-status"), "");
    try {
      await onSay(text);
      if (box.value.trim() === text) box.value = ""; // what the person typed meanwhile stays
    } catch {
      say(byId("say-status"), "Not sent. Your text is still here; try again.");
    } finally {
      button.disabled = false;
      box.focus();
    }
  }
}

function skeleton() {
  const shelves = SHELVES.map(([type, title]) =>
    element("div", { id: `shelf-${type}`, className: "shelf", hidden: true },
      element("h3", {}, title),
      element("div", { className: "items" })));
  const text = element("textarea", { id: "say-text", rows: 2, maxLength: 2000, required: true });
  return [
    element("div", { role: "status" }, element("p", { id: "banner", className: "banner", hidden: true })),
    element("div", { id: "bring-back", className: "row", hidden: true },
      element("button", { id: "bring-back-button", type: "button" }, "Bring it back here"),
      element("span", { className: "note" }, "Both devices can then work on it.")),
    element("header", { className: "task-head" },
      element("p", { className: "eyebrow" }, "Task"),
      ...headPlaces(),
      element("p", { id: "task-paragraph", className: "lead" }),
      element("p", { id: "task-state", className: "live", aria: { live: "polite" } }),
      element("p", { id: "presence", className: "presence" }),
      element("p", { id: "lead", className: "strong", role: "status" }),
      steeringPlace()),
    element("section", { id: "work", hidden: true, aria: { labelledby: "work-title" } },
      element("h2", { id: "work-title" }, "Work of the agent"),
      element("div", { id: "tool-calls" })),
    element("section", { id: "working-set", aria: { labelledby: "working-set-title" } },
      element("h2", { id: "working-set-title" }, "Working set"), ...shelves),
    element("section", { id: "history-section", aria: { labelledby: "history-title" } },
      element("h2", { id: "history-title" }, "History"),
      element("button", { id: "earlier", type: "button", className: "quiet", hidden: true }, "Show earlier"),
      element("div", { role: "log", aria: { labelledby: "history-title" } }, element("ol", { id: "history" })),
      element("div", { id: "drafts" })),
    element("form", { id: "say", hidden: true },
      element("label", { id: "say-label", htmlFor: "say-text" }),
      text,
      element("div", { className: "row" },
        element("button", { id: "say-button", type: "submit" }, "Send"),
        element("span", { id: "say-status", role: "status" }))),
  ];
}

function callCard(call, decisions) {
  const heading = element("h3", { id: `call-${call.call_id}`, tabIndex: -1 }, call.title);
  const question = element("div", { className: "ask", role: "group", hidden: true, aria: { labelledby: heading.id } });
  const card = {
    question: new CallQuestion(question, heading, decisions),
    state: element("span", { className: "call-state", data: { testid: "call-state" }, aria: { live: "polite" } }),
    percent: element("span", { className: "call-percent", data: { testid: "call-percent" } }),
    bar: element("progress", { max: 100, aria: { label: `Progress of: ${call.title}` } }),
  };
  card.place = element("article", { className: "call card", data: { testid: "tool-call", callId: call.call_id } },
    heading,
    element("p", { className: "call-line" }, card.state, card.percent),
    card.bar,
    question);
  return card;
}

function itemPlace({ item_id, type, title, body, status }) {
  const mark = type === "question" && status === "settled" ? element("span", { className: "mark" }, "settled") : null;
  return element("article", { className: `item ${type}`, data: { testid: "item", itemId: item_id } },
    element("h4", {}, title, mark),
    element("p", { className: "item-body" }, body));
}

/** What a holder that was lost said of the call after it had been taken from it: `succeeded`, `failed`, or nothing. */
const lateWord = (events, { call_id }) =>
  events.findLast(({ kind, body }) => kind === "tool_call.refused" && body.call_id === call_id && body.said)?.body.said;

function liveWords({ connection, writable }) {
  if (connection === "live") return writable ? "Live" : "Live, read only";
  return { opening: "Opening …", reconnecting: "Connection lost, trying again …", closed: "Closed" }[connection];
}
