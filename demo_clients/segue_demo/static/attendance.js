// Who is in front of the pages of a task: this page says that its person is, and shows who else says so.
import { roleWords } from "./event_words.js";
import { listed, t } from "./text.js";

const RENEWAL = 10_000; // milliseconds; what is not said again is forgotten after 30 seconds
const TYPING = 5000; // milliseconds after the last key
const STATES = ["away", "here", "typing"]; // the liveliest last
const DOING = { here: (who) => who, away: (who) => t("{who} (away)", { who }), typing: (who) => t("{who} (typing)", { who }) };

/** Says so for as long as the room is open, and at once when it changes. */
export class Attendance {
  #client;
  #room;
  #typed_at = -TYPING;
  #timer;

  /** `box` is where the person types. */
  constructor({ client, room, box }) {
    this.#client = client;
    this.#room = room;
    document.addEventListener("visibilitychange", () => this.#say());
    addEventListener("online", () => this.#say());
    box.addEventListener("input", () => {
      const went = this.#isTyping();
      this.#typed_at = performance.now();
      if (!went) this.#say();
    });
    this.#say();
  }

  #isTyping() {
    return performance.now() - this.#typed_at < TYPING;
  }

  async #say() {
    clearTimeout(this.#timer);
    const { failure } = this.#room.state;
    if (failure) return;
    const state = document.visibilityState === "hidden" ? "away" : this.#isTyping() ? "typing" : "here";
    this.#timer = setTimeout(() => this.#say(), state === "typing" ? TYPING : RENEWAL);
    await this.#client.attend(state, this.#room.session_id).catch(() => {}); // it is said again soon
  }
}

/** One line: who is here, by device for one's own, by role for everybody else. */
export function presenceWords({ presence, connection }, { names, you, own }) {
  if (connection !== "live") return "";
  if (!presence.known) return t("Who is here cannot be seen at the moment.");
  const liveliest = new Map(); // one's own device, or somebody else -> who that is, and what they do most
  for (const { sub, device_id, role, state } of presence.present) {
    const who = sub === you ? (names(device_id) ?? t("another device")) : roleWords(role);
    const one = sub === you ? device_id : sub;
    const before = liveliest.get(one)?.state;
    if (STATES.indexOf(state) >= STATES.indexOf(before)) liveliest.set(one, { who, state, here: device_id === own });
  }
  const present = [...liveliest.values()].sort((one, other) => other.here - one.here);
  const list = listed(present.map(({ who, state }) => DOING[state](who)));
  return list && t("Here now: {list}", { list });
}
