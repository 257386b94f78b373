// Answers while they are written: they grow at the end of the history, and who may speak may stop them.
import { choice } from "./choice.js";
import { element, say } from "./elements.js";
import { voiceOf } from "./event_words.js";
import { listed, t } from "./text.js";

export class DraftsView {
  #list;
  #news;
  #decisions;
  #shown = new Map(); // draft_id -> {place, words, stop}
  #onGone;

  /** `onGone()` is called when the button goes that has the focus. */
  constructor(place, { decisions, onGone }) {
    this.#decisions = decisions;
    this.#onGone = onGone;
    this.#list = element("div");
    this.#news = element("p", { className: "visually-hidden", role: "status" });
    place.replaceChildren(this.#list, this.#news);
  }

  render({ drafts, events, writable }, { you }) {
    const stopped = new Set(events.filter(({ kind }) => kind === "draft.interrupted").map(({ body }) => body.draft_id));
    for (const [draft_id, { place }] of this.#shown) {
      if (drafts.has(draft_id)) continue;
      const hadFocus = place.contains(document.activeElement);
      place.remove();
      this.#shown.delete(draft_id);
      if (hadFocus) this.#onGone();
    }
    for (const draft of drafts.values()) {
      if (!this.#shown.has(draft.draft_id)) this.#shown.set(draft.draft_id, this.#make(draft, you));
      const { words, stop, mark } = this.#shown.get(draft.draft_id);
      const hadFocus = stop.contains(document.activeElement);
      const over = stopped.has(draft.draft_id);
      say(words, draft.text);
      say(mark, over ? t("stopped") : t("is writing …"));
      stop.hidden = over || !writable || !this.#decisions.maySay;
      if (hadFocus && stop.hidden) this.#onGone();
    }
    this.#list.hidden = drafts.size === 0;
    const voices = [...new Set([...drafts.values()].map((draft) => voiceOf(draft, you)))];
    say(this.#news, voices.length ? t("{who}: writing an answer", { who: listed(voices) }) : "");
  }

  #make(draft, you) {
    const voice = voiceOf(draft, you);
    const words = element("p", { className: "words", dir: "auto" });
    const mark = element("span", { className: "mark" });
    const stop = choice([[t("Stop"), () => this.#decisions.stop(draft)]]);
    stop.buttons[0].setAttribute("aria-label", t("Stop the answer of: {who}", { who: voice }));
    const place = element("article", { className: `draft ${draft.role}`, data: { testid: "draft", draftId: draft.draft_id } },
      element("p", { className: "voice" }, voice, mark), words, stop.place);
    this.#list.append(place);
    return { place, words, mark, stop: stop.place };
  }
}
