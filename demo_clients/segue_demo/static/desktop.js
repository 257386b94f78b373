// The desktop page: an Authorization Device. It signs in, works on a task, and can hand it to another device.
import { aboutSession } from "./about_session.js";
import { deviceName } from "./device_name.js";
import { byId, showScreen } from "./elements.js";
import { openTask } from "./open_task.js";
import { forgetAccess, hasLostAccess } from "./refusals.js";
import { showRefusal } from "./refused_screen.js";
import * as authorization from "./segue/authorization.js";
import { DeviceKey } from "./segue/device_key.js";
import { Grant } from "./segue/grant.js";
import * as vault from "./segue/vault.js";
import { loadSettings } from "./settings.js";
import { t } from "./text.js";
import { TransferDialog } from "./transfer_dialog.js";

const OPENING = 4000; // milliseconds that the first turn of the agent may take
const HANDING_OVER = "handing-over";
let settings;

async function open() {
  settings = await loadSettings();
  const device = { key: await DeviceKey.open(), issuer: settings.issuer, client_id: settings.client_id };
  const signIn = () => leave(device);
  byId("devices-link").href = `${settings.issuer}/devices`;
  byId("code-link").href = `${settings.issuer}/device`;
  byId("sign-in").onclick = byId("switch-task").onclick = signIn;

  const [answer, handingOver] = [authorization.takeAnswer(), await takeHandingOver()];
  if (answer) {
    try {
      await Grant.keep(device, await authorization.finish(device, answer), Date.now());
    } catch (failure) {
      return showRefusal(failure, { occasion: "signing in", settings, restart: signIn });
    }
  }
  const grant = await Grant.load(device);
  if (!grant) return showScreen("screen-signed-out");
  const { task_id } = grant.details;
  const bringBack = () => leave(device, { task_id });
  const onSignIn = (wanted) => leave(device, { task_id, signIn: wanted });
  const onFailure = (failure) => refuse(failure, { device, task_id, signIn });
  try {
    await work(grant, { bringBack, onSignIn, onLost: onFailure, handingOver: answer ? handingOver : null });
  } catch (failure) {
    await onFailure(failure);
  }
}

/** Go and ask for a task: the one of `task_id`, otherwise one the person chooses. */
async function leave(device, { task_id, signIn } = {}) {
  const asked = { ...device, redirect_uri: settings.redirect_uri };
  const task = task_id ? { task_id } : { name: settings.task_name, about: aboutSession() };
  try {
    await authorization.begin(asked, { ...task, actions: settings.actions, signIn, ui_locales: document.documentElement.lang });
  } catch (failure) {
    await showRefusal(failure, { settings, again: () => leave(device, { task_id, signIn }) });
  }
}

/** Who has lost the access can ask for the same task again, as another device: a revoked key gets nothing any more. */
async function refuse(failure, { device, task_id, signIn }) {
  byId("continue").hidden = true;
  const again = () => location.reload();
  if (!hasLostAccess(failure)) return showRefusal(failure, { settings, again, restart: signIn });
  const restart = async () => {
    await forgetAccess();
    await leave({ ...device, key: await DeviceKey.open() }, { task_id });
  };
  await showRefusal(failure, { settings, restart, restartLabel: t("Bring it back here") });
}

/** How the task was to be handed over when the person was sent to sign in for that; null if it was not. Told once. */
async function takeHandingOver() {
  const mode = await vault.get(HANDING_OVER);
  await vault.remove(HANDING_OVER);
  return mode ?? null;
}

async function work(grant, { bringBack, onSignIn, onLost, handingOver }) {
  const mayTransfer = () => grant.details.actions.includes("task:transfer");
  const onChange = ({ writable }) => {
    byId("continue").hidden = !(writable && mayTransfer());
  };
  const room = await openTask({ grant, settings, name: deviceName(), onChange, onLost, onBringBack: bringBack, onSignIn });
  const dialog = new TransferDialog({
    grant,
    settings,
    onHandedOver: ({ mode, device_name }) => mode === "move" && room.moved({ device_name }),
    onSignIn: async (wanted, mode) => {
      await vault.put(HANDING_OVER, mode);
      return onSignIn(wanted);
    },
  });
  byId("continue").onclick = () => dialog.open();
  await begun(room);
  byId("switch-task").hidden = false;
  document.title = t("{task} – Segue demo", { task: room.state.task.name });
  showScreen("screen-task");
  if (handingOver && mayTransfer()) dialog.open(handingOver);
}

/** A new task is shown once the agent has opened it, or after a moment: it does not grow under the eyes of who begins to read. */
function begun(room) {
  if (room.state.events.some(({ kind }) => kind === "message")) return null;
  return new Promise((resolve) => {
    setTimeout(resolve, OPENING);
    room.addEventListener("change", () => room.state.calls.some(({ state }) => state !== "proposed") && resolve());
  });
}

open().catch((failure) => showRefusal(failure, { settings, again: () => location.reload() }));
