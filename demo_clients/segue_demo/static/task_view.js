// How a task looks, on every device: state in a paragraph, running work, working set, history, and a box to say something.
import { announce } from "./announcer.js";
import { presenceWords } from "./attendance.js";
import { CallQuestion } from "./call_question.js";
import { DraftsView } from "./drafts_view.js";
import { byId, element, say } from "./elements.js";
import { describe } from "./event_words.js";
import { HistoryView } from "./history_view.js";
import { hasEnded, headPlaces, steeringPlace, TaskHead } from "./task_head.js";
import { percent, t } from "./text.js";

const SHELVES = [
  ["document", t("Draft")],
  ["decision", t("Decisions")],
  ["question", t("Open questions")],
  ["output", t("Results")],
  ["fact", t("Facts")],
  ["constraint", t("Constraints")],
];
const CALL_STATES = {
  proposed: t("Waits for approval"),
  approved: t("About to start"),
  claimed: t("Starting"),
  running: t("Running"),
  succeeded: t("Finished"),
  failed: t("Failed"),
  unknown: t("Outcome unknown"),
  cancelled: t("Cancelled"),
  denied: t("Declined"),
};
const FOR_YOU = { proposed: t("Waits for your approval"), unknown: t("Outcome unknown: waits for you") };
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
    this.#head.render(state);
    say(byId("task-paragraph"), state.paragraph);
    say(byId("task-state"), liveWords(state));
    byId("task-state").dataset.connection = state.connection;
    byId("task-state").dataset.seq = state.events.at(-1)?.seq ?? 0;
    this.#place.dataset.access = state.writable ? "write" : "read";
    this.#renderBanner(state, reader);
    this.#renderCalls(state, reader);
    this.#renderItems(state.items);
    this.#history.render(state.events, (event) => describe(event, reader));
    byId("say").hidden = !state.writable || hasEnded(state.task.status) || !this.#decisions.maySay;
    const byPerson = state.lead === "human_agent";
    say(byId("lead"), byPerson ? t("A human agent answers in this task now.") : "");
    say(byId("say-label"), byPerson ? t("Say something") : t("Say something to the agent"));
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
    return { you, own, names: (device_id) => (device_id && device_id === own ? t("this device") : known.get(device_id)) };
  }

  #renderBanner({ writable, movedTo, failure }, { names }) {
    const banner = byId("banner");
    const device = movedTo && (movedTo.device_name ?? names(movedTo.device_id) ?? t("another device"));
    if (failure) say(banner, t("The connection to the task has ended. Please reload this page."));
    else if (movedTo && !writable) say(banner, t("This task now continues on {device}. You can still read it here.", { device }));
    else say(banner, "");
    banner.hidden = banner.textContent === "";
    byId("bring-back").hidden = !this.#onBringBack || !movedTo || writable || Boolean(failure);
  }

  #renderCalls({ calls, events, writable }, { names }) {
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
    const holder = active && call.holder;
    const held = Boolean(holder) && holder.device_id === this.#room.device_id;
    const mine = held && writable;
    const done = mine ? this.#progress.get(call.call_id) : undefined;
    const shown = call.error?.denied === undefined ? call.state : "denied";
    card.question.render(call, { writable, late });
    card.place.dataset.state = call.state;
    card.place.dataset.mine = String(mine);
    this.#sayState(card, { shown, holder, lost: held && !writable });
    say(card.percent, done === undefined ? "" : percent(done));
    card.bar.classList.toggle("idle", !active);
    if (done === undefined) card.bar.removeAttribute("value");
    else card.bar.value = done;
  }

  #sayState({ call, names, question, state: place }, { shown, holder, lost }) {
    const asked = question.isOpen && FOR_YOU[shown];
    const state = asked || CALL_STATES[shown];
    const device = holder && (names(holder.device_id) ?? t("another device"));
    const words = lost ? t("{state}; the other device takes it over", { state }) : device ? t("{state} on {device}", { state, device }) : state;
    if (asked && place.textContent !== words) announce(t("{about}: {steps}", { about: call.title, steps: words }), { inAnyCase: true });
    say(place, words);
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
      say(byId("say-status"), t("Not sent. Your text is still here; try again."));
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
  const text = element("textarea", { id: "say-text", rows: 2, dir: "auto", maxLength: 2000, required: true });
  return [
    element("div", { role: "status" }, element("p", { id: "banner", className: "banner", hidden: true })),
    element("div", { id: "bring-back", className: "row", hidden: true },
      element("button", { id: "bring-back-button", type: "button" }, t("Bring it back here")),
      element("span", { className: "note" }, t("Both devices can then work on it."))),
    element("header", { className: "task-head" },
      element("p", { className: "eyebrow" }, t("Task")),
      ...headPlaces(),
      element("p", { id: "task-paragraph", className: "lead", dir: "auto" }),
      element("p", { id: "task-state", className: "live", aria: { live: "polite" } }),
      element("p", { id: "presence", className: "presence" }),
      element("p", { id: "lead", className: "strong", role: "status" }),
      steeringPlace()),
    element("section", { id: "work", hidden: true, aria: { labelledby: "work-title" } },
      element("h2", { id: "work-title" }, t("Work of the agent")),
      element("div", { id: "tool-calls" })),
    element("section", { id: "working-set", aria: { labelledby: "working-set-title" } },
      element("h2", { id: "working-set-title" }, t("Working set")), ...shelves),
    element("section", { id: "history-section", aria: { labelledby: "history-title" } },
      element("h2", { id: "history-title" }, t("History")),
      element("button", { id: "earlier", type: "button", className: "quiet", hidden: true }, t("Show earlier")),
      element("div", { role: "log", aria: { labelledby: "history-title", live: "off" } }, element("ol", { id: "history" })),
      element("div", { id: "drafts" })),
    element("form", { id: "say", hidden: true },
      element("label", { id: "say-label", htmlFor: "say-text" }),
      text,
      element("div", { className: "row" },
        element("button", { id: "say-button", type: "submit" }, t("Send")),
        element("span", { id: "say-status", role: "status" }))),
  ];
}

function callCard(call, decisions) {
  const heading = element("h3", { id: `call-${call.call_id}`, tabIndex: -1, dir: "auto" }, call.title);
  const question = element("div", { className: "ask", role: "group", hidden: true, aria: { labelledby: heading.id } });
  const card = {
    question: new CallQuestion(question, heading, decisions),
    state: element("span", { className: "call-state", data: { testid: "call-state" } }),
    percent: element("span", { className: "call-percent", data: { testid: "call-percent" } }),
    bar: element("progress", { max: 100, aria: { label: t("Progress of: {title}", { title: call.title }) } }),
  };
  card.place = element("article", { className: "call card", data: { testid: "tool-call", callId: call.call_id } },
    heading,
    element("p", { className: "call-line" }, card.state, card.percent),
    card.bar,
    question);
  return card;
}

function itemPlace({ item_id, type, title, body, status }) {
  const mark = type === "question" && status === "settled" ? element("span", { className: "mark" }, t("settled")) : null;
  return element("article", { className: `item ${type}`, data: { testid: "item", itemId: item_id } },
    element("h4", {}, element("bdi", {}, title), mark),
    element("p", { className: "item-body", dir: "auto" }, body));
}

/** What a holder that was lost said of the call after it had been taken from it: `succeeded`, `failed`, or nothing. */
const lateWord = (events, { call_id }) =>
  events.findLast(({ kind, body }) => kind === "tool_call.refused" && body.call_id === call_id && body.said)?.body.said;

function liveWords({ connection, writable }) {
  if (connection === "live") return writable ? t("Live") : t("Live, read only");
  return { opening: t("Opening …"), reconnecting: t("Connection lost, trying again …"), closed: t("Closed") }[connection];
}
