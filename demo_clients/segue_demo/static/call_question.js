// What a tool call asks the person: may it run, and, when nobody knows its outcome, did it happen.
import { choice } from "./choice.js";
import { element, say } from "./elements.js";
import { t, timeOfDay } from "./text.js";

const EFFECTS = {
  irreversible: t("It cannot be undone."),
  reconcilable: t("It changes something elsewhere."),
};

const LATE = {
  succeeded: t("It said later that this has succeeded, which the store could not count any more."),
  failed: t("It said later that this has failed, which the store could not count any more."),
};

/** The question of one call, inside its card. Made anew when the question is another one. */
export class CallQuestion {
  #place;
  #heading;
  #decisions;
  #asked = "";
  #timer;

  /** `heading` gets the focus once the buttons are gone. */
  constructor(place, heading, decisions) {
    this.#place = place;
    this.#heading = heading;
    this.#decisions = decisions;
  }

  /** Whether the person of this page is asked. */
  get isOpen() {
    return this.#asked !== "";
  }

  /** `late` is what the lost device said of it too late: `succeeded` or `failed`. */
  render(call, { writable, late }) {
    const open = writable && this.#decisions.mayApprove && ["proposed", "unknown"].includes(call.state);
    const asked = open ? `${call.state} ${call.attempt} ${call.quiet_from} ${late}` : "";
    if (asked === this.#asked) return;
    clearTimeout(this.#timer);
    const hadFocus = this.#place.contains(document.activeElement);
    this.#asked = asked;
    this.#place.hidden = !open;
    const question = call.state === "proposed" ? () => this.#mayIt(call) : () => this.#didIt(call, late);
    this.#place.replaceChildren(...(open ? question().filter(Boolean) : []));
    if (hadFocus) this.#heading.focus();
  }

  #mayIt(call) {
    const words = element("p", {}, spaced(t("The agent wants to do this."), EFFECTS[call.effect]));
    const { place } = choice([
      [t("Decline"), () => this.#decisions.decline(call)],
      [t("Approve"), () => this.#decisions.approve(call), ""],
    ]);
    return [words, facts(call.arguments), place];
  }

  #didIt(call, late) {
    const { title } = call;
    const lost = t("Nobody knows whether “{title}” took effect: the device that ran it was lost before it could say.", { title });
    const words = element("p", {}, spaced(lost, LATE[late], t("Please check, then say what you found.")));
    const { place, buttons } = choice([
      [t("Cancel it"), () => this.#decisions.cancel(call)],
      [t("It did not: run it again"), () => this.#decisions.settle(call, "did_not_happen")],
      [t("It happened"), () => this.#decisions.settle(call, "happened"), ""],
    ]);
    const note = element("p", { className: "note" });
    this.#waitForQuiet(call, buttons[1], note);
    return [words, facts(call.arguments), place, note];
  }

  /** Until the lost device cannot be at it any more nobody can say that it did not happen. */
  #waitForQuiet(call, again, note) {
    const left = (call.quiet_from ?? 0) * 1000 - Date.now();
    again.disabled = left > 0;
    const time = timeOfDay(call.quiet_from ?? 0);
    say(note, left > 0 ? t("It can be run again from {time}: until then the lost device may still be at it.", { time }) : "");
    if (left > 0) this.#timer = setTimeout(() => this.#waitForQuiet(call, again, note), left + 100);
  }
}

function facts(named) {
  const pairs = Object.entries(named ?? {}).map(([name, value]) =>
    element("div", {}, element("dt", { dir: "auto" }, name.replaceAll("_", " ")), element("dd", { dir: "auto" }, words(value))));
  return pairs.length ? element("dl", { className: "facts" }, ...pairs) : null;
}

/** Sentences in a row; what there is none of is left out. */
const spaced = (...sentences) => sentences.filter(Boolean).join(" ");

const words = (value) => (typeof value === "object" ? JSON.stringify(value) : String(value));
