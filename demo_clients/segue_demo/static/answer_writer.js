// Writes an answer so that everybody sees it grow, and stops where somebody says stop.
import { Refused } from "./segue/proved_fetch.js";

const PIECE = 24; // code points
const PACE = 100; // milliseconds between two pieces; a model has a pace of its own
export const GRACE = 8000; // milliseconds another device gets to go on with what it began
const UNSEEN = [404, 422, 503]; // the draft was forgotten, there are too many, nobody can be shown any now

export class AnswerWriter {
  #client;
  #room;

  constructor({ client, room }) {
    this.#client = client;
    this.#room = room;
  }

  /**
   * Say `text` as the agent's, in one event whose `turn` tells a repeat from another answer. One answer at a time, in all tabs. What was
   * begun before a reload goes on where it stopped; what another device left half written is finished at once.
   */
  write(text, turn) {
    return navigator.locks.request("segue-answer", async () => {
      if (await this.#wasSaid(turn)) return;
      const body = { turn, ...(await this.#grown(text)) };
      try {
        await this.#say(body);
      } catch (failure) {
        if (!isInterrupted(failure)) throw failure;
        await this.#say({ ...body, ...cut(text, failure) }); // stopped after its last word
      }
    });
  }

  async #wasSaid(turn) {
    const { events } = this.#room.state;
    const later = await this.#client.eventsAfter(events.at(-1)?.seq ?? 0, 100);
    return [...events, ...later].some(({ body }) => body.turn === turn);
  }

  #say(body) {
    const key = `say-${body.turn}${body.interrupted ? "-interrupted" : ""}`;
    return this.#client.append([{ kind: "message", role: "agent", body }], { key });
  }

  /** The body of the event, once all of the text has been shown; cut where somebody stopped it. */
  async #grown(text) {
    let draft_id;
    try {
      const begun = (await this.#client.drafts()).find((draft) => this.#isLeft(draft) && text.startsWith(draft.text));
      draft_id = begun?.draft_id ?? (await this.#client.beginDraft("agent")).draft_id;
      if (!begun || this.#isOwn(begun)) await this.#grow(draft_id, text, begun);
      return { text, draft_id };
    } catch (failure) {
      if (isInterrupted(failure)) return { draft_id, ...cut(text, failure) };
      if (failure instanceof Refused && UNSEEN.includes(failure.status)) return { text };
      throw failure;
    }
  }

  #isOwn({ actor }) {
    return actor.device_id === this.#room.device_id;
  }

  /** Whether nobody writes this draft any more: no other tab of this device does while this one has the lock. */
  #isLeft(draft) {
    if (draft.role !== "agent") return false;
    const grown_at = this.#room.state.drafts.get(draft.draft_id)?.grown_at ?? Date.now();
    return this.#isOwn(draft) || Date.now() - grown_at >= GRACE;
  }

  async #grow(draft_id, text, begun) {
    const all = [...text];
    for (let length = [...(begun?.text ?? "")].length; length < all.length; ) {
      const piece = all.slice(length, length + PIECE).join("");
      try {
        ({ length } = await this.#client.growDraft(draft_id, length, piece));
      } catch (failure) {
        if (failure.error !== "wrong-offset") throw failure;
        ({ length } = failure.body); // a piece whose answer was lost
      }
      await new Promise((resolve) => setTimeout(resolve, PACE));
    }
  }
}

const isInterrupted = (failure) => failure instanceof Refused && failure.error === "interrupted";

const cut = (text, { body }) => ({ text: [...text].slice(0, body.length).join(""), interrupted: true });
