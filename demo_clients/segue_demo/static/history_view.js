// The history as a list that only grows: new lines are appended, earlier ones put in front when asked for.
import { announce } from "./announcer.js";
import { element, say } from "./elements.js";
import { moment, t } from "./text.js";

export class HistoryView {
  #list;
  #earlier;
  #told; // seq of the newest event that who listens was told of
  #shown = new Map(); // seq of a line's first event -> {place, words}

  constructor(list, earlier, onEarlier) {
    this.#list = list;
    this.#earlier = earlier;
    earlier.addEventListener("click", onEarlier);
  }

  /** Show `events`; `describe(event)` gives `{who, voice, mark, head, text}`. Words may change later, when a device's name becomes known. */
  render(events, describe) {
    const lines = folded(events, describe);
    const heads = new Set(lines.map(({ seq }) => seq));
    for (const [seq, { place }] of this.#shown) {
      if (!heads.has(seq)) {
        place.remove(); // now the tail of an earlier line
        this.#shown.delete(seq);
      }
    }
    let before = this.#list.firstElementChild;
    for (const line of lines) {
      const shown = this.#shown.get(line.seq) ?? this.#make(line);
      say(shown.words, line.head ? t("{about}: {steps}", { about: line.head, steps: stepped(line.texts) }) : line.texts[0]);
      shown.place.dataset.through = line.through;
      if (shown.place === before) before = before.nextElementSibling;
      else this.#list.insertBefore(shown.place, before);
    }
    this.#earlier.hidden = (events[0]?.seq ?? 1) <= 1;
    this.#tell(events, describe);
  }

  /** Who listens hears what is new: not what was there before, nor what they said themselves. */
  #tell(events, describe) {
    const told = (this.#told ??= events.at(-1)?.seq ?? 0);
    this.#told = Math.max(told, events.at(-1)?.seq ?? 0);
    for (const { text, head, voice, own } of events.filter(({ seq }) => seq > told).map(describe)) {
      const about = head ?? voice;
      if (!own && text) announce(about ? t("{about}: {steps}", { about, steps: text }) : text, { inAnyCase: Boolean(voice) });
    }
  }

  #make({ seq, at, kind, who, voice, mark }) {
    const words = element("span", { className: "words", dir: who ? "auto" : "" });
    const time = element("time", { dateTime: new Date(at * 1000).toISOString() }, moment(at));
    const speaker = who ? element("span", { className: "voice" }, voice, mark && element("span", { className: "mark" }, mark)) : null;
    const className = who ? `message ${who}` : "happened";
    const shown = { words, place: element("li", { className, data: { seq, kind } }, speaker, words, time) };
    this.#shown.set(seq, shown);
    return shown;
  }
}

/** `this; that`, or `This? That` where one ends like a sentence. */
const stepped = (texts) => texts.reduce((said, next) => (/[.!?…؟]$/.test(said) ? `${said} ${next}` : t("{said}; {next}", { said, next })));

/** Events in a row that have the same head become one line; one without words belongs to the line before it. */
function folded(events, describe) {
  const lines = [];
  for (const { seq, at, kind, ...rest } of events) {
    const { head, text, ...spoken } = describe({ kind, ...rest });
    const last = lines.at(-1);
    if (last && !text && !spoken.who) last.through = seq;
    else if (head && last?.head === head) {
      last.texts.push(text);
      last.through = seq;
    } else lines.push({ seq, through: seq, at, kind, head, texts: [text], ...spoken });
  }
  return lines;
}
