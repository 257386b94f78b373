// The phone page: a Consumption Device. It claims a transfer or asks for a task, shows the check value, and picks the task up.
import { aboutSession } from "./about_session.js";
import { DecisionWait } from "./decision_wait.js";
import { deviceName } from "./device_name.js";
import { byId, say, showScreen } from "./elements.js";
import { PhonePull } from "./phone_pull.js";
import { ScanDialog } from "./scan_dialog.js";
import { explain, forgetAccess, hasLostAccess, titled } from "./refusals.js";
import { showRefusal } from "./refused_screen.js";
import { DeviceKey } from "./segue/device_key.js";
import { Grant } from "./segue/grant.js";
import { Refused, Unreachable } from "./segue/proved_fetch.js";
import * as push from "./segue/push_transfer.js";
import * as vault from "./segue/vault.js";
import { loadSettings } from "./settings.js";
import { t } from "./text.js";

let settings;
let device;
let pull;
let waiting;

/**
 * Where this device stands is in the vault and survives a reload: `offer` (a code was scanned, nothing sent yet), `claim` (the
 * number is shown), `request` (this device shows a code, later the number), `grant` (the tokens came; `confirmed_at` once the
 * person agreed here). The first of these counts.
 */
async function open() {
  await keepScannedOffer();
  settings = await loadSettings();
  pull = new PhonePull({ again: askForTask, cancel: () => startOver() });
  await openDevice();
  new ScanDialog({ onOffer });
  byId("connect").onsubmit = connect;
  byId("ask").onclick = askForTask;
  byId("check-cancel").onclick = () => startOver();
  byId("another-task").onclick = () => startOver();
  addEventListener("hashchange", async () => {
    await keepScannedOffer();
    location.reload();
  });
  await goOn();
}

async function openDevice() {
  device = { key: await DeviceKey.open(), issuer: settings.issuer, client_id: settings.client_id };
  waiting = new DecisionWait({ device, pull });
}

async function keepScannedOffer() {
  const offer = push.takeOffer();
  if (offer) await vault.put("offer", offer);
}

async function onOffer(offer) {
  await vault.put("offer", offer);
  await showConnect(offer);
}

async function goOn() {
  const [offer, claim, request] = [await vault.get("offer"), await vault.get("claim"), await vault.get("request")];
  if (offer) return showConnect(offer);
  if (claim ?? request) return wait(claim ?? request);
  const grant = await Grant.load(device);
  if (!grant) return showConnect(null);
  return grant.confirmed_at ? work(grant) : askToPickUp(grant);
}

async function startOver() {
  await forgetTransfer();
  await showConnect(null);
}

async function forgetTransfer() {
  waiting.stop();
  for (const name of ["offer", "claim", "request"]) await vault.remove(name);
}

/** Nothing is sent before the person taps a button (XD-PUSH-09); an offer of another issuer is never sent (XD-PUSH-12). */
async function showConnect(offer) {
  if (offer && offer.iss !== settings.issuer) return refuse(new Refused(400, { error: "wrong_issuer" }), "claiming");
  byId("another-task").hidden = true;
  byId("code-words").hidden = byId("way-ask").hidden = Boolean(offer);
  byId("way-code").classList.toggle("card", !offer);
  byId("code").required = !offer;
  byId("device-name").value = (await vault.get("device-name")) ?? deviceName();
  say(byId("connect-lead"), offer
    ? t("You scanned a code. Connect this device, then confirm on the other one. Nothing has been sent yet.")
    : t("There are two ways, and you confirm on the other device in both."));
  say(byId("connect-status"), "");
  showScreen("screen-connect");
}

async function connect(event) {
  event.preventDefault();
  await begin(async (device_name) => {
    const offer = (await vault.get("offer")) ?? { iss: settings.issuer, transfer_code: byId("code").value.trim() };
    const claimed = await push.claim(device, { ...offer, device_name });
    await vault.put("claim", { ...claimed, ends_at: Date.now() + claimed.expires_in * 1000 });
    await vault.remove("offer");
    await vault.remove("request");
    return vault.get("claim");
  });
}

/** Show a code of this device's own; a newer one takes the place of the one before. */
async function askForTask() {
  waiting.stop();
  await begin((device_name) => pull.ask(device, { device_name, actions: settings.actions, about: aboutSession() }));
}

/** Send what begins a transfer, under the name the person gave this device, then wait for the decision. */
async function begin(send) {
  const device_name = byId("device-name").value.trim() || deviceName();
  const buttons = [byId("connect-button"), byId("ask"), byId("ask-renew")];
  for (const button of buttons) button.disabled = true;
  say(byId("connect-status"), t("Connecting …"));
  let held;
  try {
    await vault.put("device-name", device_name);
    held = await send(device_name);
  } catch (failure) {
    return await notBegun(failure);
  } finally {
    for (const button of buttons) button.disabled = false;
  }
  await wait(held);
}

async function notBegun(failure) {
  const words = await explain(failure, "claiming");
  if (!words.again) return refuse(failure, "claiming");
  showScreen("screen-connect");
  say(byId("connect-status"), titled(words));
}

/** What shows a task is large: it comes while the person decides on the other device. */
const loadTask = () =>
  import("./open_task.js").catch((cause) => {
    throw new Unreachable(location.origin, { cause });
  });

/** Show the code or the number, and ask until the person has decided on the other device. */
async function wait(held) {
  loadTask().catch(() => {}); // asked for again when it is needed
  try {
    const tokens = await waiting.tokens(held);
    if (!tokens) return;
    const grant = await Grant.keep(device, tokens);
    await forgetTransfer();
    await askToPickUp(grant);
  } catch (failure) {
    await refuse(failure, "waiting");
  }
}

/** Whose task it is, before anything of it is loaded; going on is this person's own decision (XD-PUSH-09). */
async function askToPickUp(grant) {
  const { name, owner } = grant.details;
  say(byId("pick-up-title"), t("You were working on {task} - pick up where you left off?", { task: name }));
  say(byId("pick-up-owner"), t("This task belongs to {owner}. Go on only if that is you, or if you work on it together.", { owner: owner.name }));
  byId("pick-up").onclick = async () => {
    await grant.confirm();
    await work(grant);
  };
  byId("pick-up-decline").onclick = async () => {
    await grant.forget().catch(() => {}); // forgotten here in any case
    await startOver();
  };
  showScreen("screen-pick-up");
}

async function work(grant) {
  say(byId("pick-up-status"), t("Opening the task …"));
  try {
    const name = (await vault.get("device-name")) ?? deviceName();
    const { openTask } = await loadTask();
    const room = await openTask({ grant, settings, name, onLost: (failure) => refuse(failure, "") });
    document.title = t("{task} – Segue demo", { task: room.state.task.name });
    byId("another-task").hidden = false;
    showScreen("screen-task");
  } catch (failure) {
    await refuse(failure, "");
  }
}

async function refuse(failure, occasion) {
  waiting.stop();
  byId("another-task").hidden = true;
  const restart = hasLostAccess(failure, occasion) ? beAnotherDevice : startOver;
  await showRefusal(failure, { occasion, settings, again: () => location.reload(), restart });
  const words = await explain(failure, occasion);
  if (!words.again && occasion) await forgetTransfer();
}

async function beAnotherDevice() {
  await forgetAccess();
  await openDevice();
  await startOver();
}

open().catch((failure) => showRefusal(failure, { settings, again: () => location.reload() }));
