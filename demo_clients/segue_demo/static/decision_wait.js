// Waiting on the phone page, after push and pull alike: show what the person needs next, and poll until they have decided.
import { byId, say, showScreen } from "./elements.js";
import { explain, titled } from "./refusals.js";
import { poll } from "./segue/device_code.js";
import { t } from "./text.js";

const AFTER_PUSH = t("On the other device, choose “Review and confirm” and type the number there. Only do so if that device is in front of you.");
const AFTER_PULL = t("On the page where you entered the code, choose the task and type the number. Only do so if you entered the code yourself.");

export class DecisionWait {
  #device;
  #pull;
  #turn = null; // identifies the one transfer that is polled for

  constructor({ device, pull }) {
    this.#device = device;
    this.#pull = pull;
  }

  stop() {
    this.#turn = null;
  }

  /** The tokens for a claim or a request of the vault; null if it was stopped or its code lapsed. Throws what ended it. */
  async tokens(held) {
    const turn = (this.#turn = Symbol("one transfer"));
    const wanted = () => this.#turn === turn;
    let current = held;
    this.#show(current);
    const onPending = async (answer) => {
      if (!wanted()) return;
      const next = current.check_value ? current : await this.#pull.pending(current, answer);
      if (!next) return this.stop();
      if (next !== current) this.#show(next);
      current = next;
      say(byId("check-status"), t("Waiting for the confirmation …"));
    };
    const onTrouble = async (failure) => wanted() && this.#tell(current, await explain(failure, "waiting"));
    try {
      return await poll(this.#device, held, { wanted, onPending, onTrouble });
    } catch (failure) {
      if (wanted()) throw failure;
      return null;
    }
  }

  #show(held) {
    if (!held.check_value) return this.#pull.show(held);
    say(byId("check-value"), held.check_value);
    say(byId("check-lead"), held.user_code ? AFTER_PULL : AFTER_PUSH);
    say(byId("check-status"), t("Waiting for the confirmation …"));
    showScreen("screen-check");
  }

  #tell(held, { title, text }) {
    const words = titled({ title, text });
    if (held.check_value) say(byId("check-status"), words);
    else this.#pull.tell(words);
  }
}
