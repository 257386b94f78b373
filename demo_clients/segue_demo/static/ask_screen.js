// "Get a task onto this device": the code to scan or type on a device where the person can sign in, and how long it holds.
import { countdown } from "./countdown.js";
import { byId, say, showScreen } from "./elements.js";
import { showQRCode } from "./qr_code.js";
import { t } from "./text.js";

const TICK = 500; // milliseconds

export class AskScreen {
  #request = null;

  /** `onRenew()` shows another code, `onCancel()` gives up. */
  constructor({ onRenew, onCancel }) {
    byId("ask-renew").onclick = onRenew;
    byId("ask-cancel").onclick = onCancel;
    setInterval(() => this.#countDown(), TICK);
  }

  /** Show the code of a request: `{user_code, verification_uri, verification_uri_complete, enter_until}`. */
  show(request) {
    this.#request = request;
    showQRCode(byId("ask-qr"), request.verification_uri_complete, t("QR code for the other device’s camera"));
    say(byId("ask-code"), request.user_code);
    say(byId("ask-address"), request.verification_uri);
    this.#setLapsed(false);
    this.#countDown();
    showScreen("screen-ask");
  }

  /** Nobody entered the code in time. */
  lapse() {
    this.#request = null;
    this.#setLapsed(true);
    showScreen("screen-ask");
  }

  /** What stands in the way at the moment; nothing if it goes on. */
  tell(trouble = "") {
    say(byId("ask-status"), trouble || t("Waiting for the other device …"));
  }

  #setLapsed(lapsed) {
    byId("ask-offer").hidden = byId("ask-status").hidden = lapsed;
    byId("ask-lapsed").hidden = !lapsed;
    byId("ask-renew").classList.toggle("quiet", !lapsed);
    this.tell();
  }

  #countDown() {
    if (!this.#request) return;
    const { enter_until } = this.#request;
    say(byId("ask-countdown"), countdown(enter_until));
    byId("ask-qr").classList.toggle("waiting", Date.now() >= enter_until);
  }
}
