// The history as a list that only grows: new lines are appended, earlier ones put in front when asked for.
import { element, say, timeOfDay } from "./elements.js";

export class HistoryView {
  #list;
  #earlier;
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
      say(shown.words, line.head ? `${line.head}: ${listed(line.texts)}` : line.texts[0]);
      shown.place.dataset.through = line.through;
      if (shown.place === before) before = before.nextElementSibling;
      else this.#list.insertBefore(shown.place, before);
    }
    this.#earlier.hidden = (events[0]?.seq ?? 1) <= 1;
  }

  #make({ seq, at, kind, who, voice, mark }) {
    const words = element("span", { className: "words" });
    const time = element("time", { dateTime: new Date(at * 1000).toISOString() }, timeOfDay(at));
    const speaker = who ? element("span", { className: "voice" }, voice, mark && element("span", { className: "mark" }, mark)) : null;
    const className = who ? `message ${who}` : "happened";
    const shown = { words, place: element("li", { className, data: { seq, kind } }, speaker, words, time) };
    this.#shown.set(seq, shown);
    return shown;
  }
}

/** `this; that`, or `This? That` where one ends like a sentence. */
const listed = (texts) => texts.reduce((said, text) => `${said}${/[.!?…]$/.test(said) ? " " : "; "}${text}`);

/** Events in a row that have the same head become one line. */
function folded(events, describe) {
  const lines = [];
  for (const { seq, at, kind, ...rest } of events) {
    const { head, text, ...spoken } = describe({ kind, ...rest });
    const last = lines.at(-1);
    if (head && last?.head === head) {
      last.texts.push(text);
      last.through = seq;
    } else lines.push({ seq, through: seq, at, kind, head, texts: [text], ...spoken });
  }
  return lines;
}
