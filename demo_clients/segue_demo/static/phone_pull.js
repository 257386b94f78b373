// The pull on the phone page: ask for a task, show the code until it is entered elsewhere, then leave the number to be shown.
import { AskScreen } from "./ask_screen.js";
import * as pull from "./segue/pull_transfer.js";
import * as vault from "./segue/vault.js";

/**
 * A request is in the vault as `request`, with `check_value` once it is known, and survives a reload. Times in milliseconds since
 * the epoch: the code can be entered until `enter_until`, and it is all over at `ends_at`.
 */
export class PhonePull {
  #screen;

  /** `again()` asks anew, `cancel()` gives up. */
  constructor({ again, cancel }) {
    this.#screen = new AskScreen({ onRenew: again, onCancel: cancel });
  }

  /** Ask, and keep the answer. Throws `Refused`, `Unreachable`. */
  async ask(device, { device_name, actions, about }) {
    const answer = await pull.ask(device, { device_name, actions, about });
    const [enter_until, ends_at] = [answer.user_code_expires_in, answer.expires_in].map((left) => Date.now() + left * 1000);
    await vault.put("request", { ...answer, enter_until, ends_at, check_value: null });
    await vault.remove("claim");
    return vault.get("request");
  }

  show(request) {
    this.#screen.show(request);
  }

  /** An answer that says to wait: the request as it is now, or null if its code has lapsed unseen. */
  async pending(request, { check_value }) {
    if (check_value) {
      await vault.put("request", { ...request, check_value });
      return { ...request, check_value };
    }
    this.#screen.tell();
    if (Date.now() < request.enter_until) return request;
    await vault.remove("request");
    this.#screen.lapse();
    return null;
  }

  /** What stands in the way at the moment. */
  tell(words) {
    this.#screen.tell(words);
  }
}
