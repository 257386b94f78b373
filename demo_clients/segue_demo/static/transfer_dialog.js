// "Continue on another device": offer the task, show the code, show who asks, send the person to confirm.
import { countdown } from "./countdown.js";
import { byId, element, say } from "./elements.js";
import { showQRCode } from "./qr_code.js";
import { explain } from "./refusals.js";
import { Refused } from "./segue/proved_fetch.js";
import * as push from "./segue/push_transfer.js";
import { t, timeOfDay } from "./text.js";

const GLANCE = 1500; // milliseconds between looks at an offer
const CLOSE_LOOK = 600; // once a device has claimed it: on move this device is to turn read-only at once
const RENEWALS = 4; // codes that follow a lapsed one by themselves; nobody may be in front of the screen any more
const POPUP = "popup,width=520,height=840";
const SIGN_IN = "insufficient_user_authentication";
const ENDED = {
  denied: [t("Not confirmed"), t("The transfer was declined, or the number was typed wrongly twice. Nothing was handed over.")],
  cancelled: [t("Withdrawn"), t("A newer code replaced this one, or it was withdrawn. Nothing was handed over.")],
  expired: [t("The code has lapsed"), t("No device used it. Nothing was handed over.")],
  unconfirmed: [t("The confirmation took too long"), t("A device asked, and nobody confirmed in time. Nothing was handed over.")],
};

/**
 * `onHandedOver({mode, device_name})` is called once the other device has the task; `onSignIn(wanted, mode)` if the server first wants a sign-in
 * of late, or of another kind (RFC 9470), and the person is in front of the screen.
 */
export class TransferDialog {
  #grant;
  #settings;
  #onHandedOver;
  #onSignIn;
  #dialog = byId("transfer");
  #offer = null;
  #state = null;
  #looking = null;
  #offering = Promise.resolve();
  #renewals = 0;

  constructor({ grant, settings, onHandedOver, onSignIn }) {
    this.#onSignIn = onSignIn;
    this.#grant = grant;
    this.#settings = settings;
    this.#onHandedOver = onHandedOver;
    for (const choice of this.#dialog.querySelectorAll("[name=mode]")) choice.addEventListener("change", () => this.#begin());
    byId("transfer-renew").addEventListener("click", () => this.#begin());
    byId("transfer-close").addEventListener("click", () => this.#dialog.close());
    byId("transfer-confirm").addEventListener("click", (event) => this.#openConfirmation(event));
    this.#dialog.addEventListener("close", () => {
      const opener = document.activeElement;
      if (opener === document.body || !isSeen(opener)) byId("task-name").focus(); // the button that opened it has gone
      this.#withdraw();
    });
    setInterval(() => this.#countDown(), 500);
  }

  open(mode) {
    for (const choice of this.#dialog.querySelectorAll("[name=mode]")) if (choice.value === mode) choice.checked = true;
    this.#dialog.showModal();
    this.#begin();
  }

  #begin() {
    this.#renewals = RENEWALS;
    this.#start({ asked: true });
  }

  async #start({ asked = false } = {}) {
    const mode = this.#dialog.querySelector("[name=mode]:checked").value;
    const { issuer, consumption_uri } = this.#settings;
    const turn = (this.#looking = Symbol("one offer"));
    this.#show("preparing");
    try {
      const answer = await this.#inTurn(turn, () => push.start(this.#grant, { issuer, mode, consumption_uri }));
      if (this.#looking !== turn || !this.#dialog.open) return;
      this.#offer = { ...answer, mode, ends_at: Date.now() + answer.expires_in * 1000 };
      this.#state = null;
      showQRCode(byId("transfer-qr"), answer.transfer_uri, t("QR code for the other device’s camera"));
      byId("transfer-confirm").href = answer.confirmation_uri;
      say(byId("transfer-code"), answer.transfer_code);
      this.#show("offered");
      this.#countDown();
      this.#look(turn);
    } catch (failure) {
      if (failure?.error !== SIGN_IN) this.#end(await explain(failure));
      else if (asked) await this.#onSignIn(failure.body, mode);
      else this.#end({ title: ENDED.expired[0], text: ENDED.expired[1] }); // nobody asked for this code: the next press signs in
    }
  }

  /** A newer offer ends the older one, so two must not race to the server: ask once the one before is answered. */
  #inTurn(turn, ask) {
    const answered = this.#offering.then(() => (this.#looking === turn ? ask() : null));
    this.#offering = answered.catch(() => {});
    return answered;
  }

  /** Look until the transfer has ended, one way or another. */
  async #look(turn) {
    while (this.#looking === turn) {
      const pause = ["claimed", "approved"].includes(this.#state) ? CLOSE_LOOK : GLANCE;
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (this.#looking !== turn) return;
      try {
        this.#take(await push.state(this.#grant, { issuer: this.#settings.issuer, ...this.#offer }));
        say(byId("transfer-network"), "");
      } catch (failure) {
        if (failure instanceof Refused && failure.status < 500) return this.#end(await explain(failure));
        say(byId("transfer-network"), t("No connection. Trying again …"));
      }
    }
  }

  #take(transfer) {
    this.#state = transfer.state;
    if (transfer.state === "claimed") this.#showClaim(transfer);
    else if (transfer.state === "approved") this.#show("approved");
    else if (transfer.state === "redeemed") this.#handedOver(transfer);
    else if (transfer.state === "expired" && !transfer.claim && this.#mayRenew()) this.#start();
    else {
      const [title, text] = ENDED[transfer.state === "expired" && transfer.claim ? "unconfirmed" : transfer.state] ?? [];
      if (title) this.#end({ title, text });
    }
  }

  /** While the code is on screen a lapsed one is replaced by a new one. */
  #mayRenew() {
    return document.visibilityState === "visible" && this.#renewals-- > 0;
  }

  #showClaim({ claim, contested }) {
    const facts = [
      [t("Calls itself"), t("“{title}”", { title: claim.device_name }), t("the device says this of itself")],
      [t("App"), claim.client_name, claim.client_id],
      [t("Network"), claim.network, null],
      [t("Asked at"), timeOfDay(claim.claimed_at), null],
    ];
    const rows = facts.map(([name, value, note]) =>
      element("div", {}, element("dt", {}, name), element("dd", {}, element("bdi", {}, value), note && element("span", { className: "note", dir: "auto" }, note))));
    if (byId("transfer-claim").childElementCount === 0) byId("transfer-claim").replaceChildren(...rows);
    byId("transfer-contested").hidden = !contested;
    this.#show("claimed");
  }

  #handedOver({ mode, claim }) {
    this.#looking = null;
    const name = claim?.device_name ?? t("the other device");
    say(byId("transfer-done-text"), mode === "move" ? t("The task now continues on {device}.", { device: name }) : t("{device} has joined the task.", { device: name }));
    this.#show("redeemed");
    this.#onHandedOver({ mode, device_name: name });
  }

  #end({ title, text }) {
    this.#looking = null;
    say(byId("transfer-ended-title"), title);
    say(byId("transfer-ended-text"), text);
    this.#show("ended");
  }

  /** Show one step; the choice of mode is fixed once somebody has claimed. */
  #show(step) {
    if (step === "preparing") byId("transfer-claim").replaceChildren();
    this.#dialog.dataset.step = step;
    for (const part of this.#dialog.querySelectorAll("[data-steps]")) part.hidden = !part.dataset.steps.split(" ").includes(step);
    byId("transfer-mode").disabled = !["preparing", "offered", "ended"].includes(step);
    byId("transfer-qr").classList.toggle("waiting", step === "preparing");
    this.#keepFocus();
    say(byId("transfer-close"), ["redeemed", "ended"].includes(step) ? t("Close") : t("Cancel"));
  }

  /** The focus is not left on what has gone. */
  #keepFocus() {
    const { activeElement: focused } = document;
    const inside = this.#dialog.contains(focused) && focused !== this.#dialog;
    if (this.#dialog.open && !(inside && isSeen(focused) && !focused.matches(":disabled"))) byId("transfer-title").focus();
  }

  /** The server says when it is over: a device may have claimed at the last moment. */
  #countDown() {
    if (this.#offer && this.#dialog.dataset.step === "offered") say(byId("transfer-countdown"), countdown(this.#offer.ends_at));
  }

  /** A window of its own that cannot reach back into this page; if it is blocked, the link opens a tab. */
  #openConfirmation(event) {
    const popup = window.open("", "_blank", POPUP);
    if (!popup) return;
    event.preventDefault();
    popup.opener = null;
    popup.location = this.#offer.confirmation_uri;
  }

  async #withdraw() {
    this.#looking = null;
    const unfinished = this.#offer && !["redeemed", "denied", "cancelled", "expired"].includes(this.#state);
    const { transfer_id } = this.#offer ?? {};
    this.#offer = null;
    if (!unfinished) return;
    try {
      await push.cancel(this.#grant, { issuer: this.#settings.issuer, transfer_id });
    } catch {
      // it lapses by itself within two minutes, and without the confirmation it gives nothing
    }
  }
}

const isSeen = (place) => place.checkVisibility({ visibilityProperty: true });
