// What both pages have in common: the device with its grant, the transfer, a tool of its own, and how a chat is drawn.
import { authorization, deviceCode, type Device, DeviceKey, Grant, pushTransfer, runTools, TaskClient } from "@segue/chat";

interface Settings {
  issuer: string;
  store: string;
  client_id: string;
  redirect_uri: string;
  actions: string[];
}

/** What is on the page of one message. */
export interface Shown {
  id: string;
  role: string;
  texts: string[];
  calls: { id: string; name: string; state: string; output: unknown }[];
}

export interface Opened {
  grant: Grant;
  store: string;
}

/** The grant of this device, or null as long as it has none. Lets the test drive the device as `window.device`. */
export async function openDevice(): Promise<Opened | null> {
  const settings: Settings = await (await fetch("/config.json")).json();
  const { issuer, store, client_id, redirect_uri, actions } = settings;
  const device: Device = { key: await DeviceKey.open(), issuer, client_id };
  const offer = pushTransfer.takeOffer();
  const answer = authorization.takeAnswer();
  if (answer) await Grant.keep(device, await authorization.finish(device, answer), Date.now());
  const grant = await Grant.load(device);
  const driven = {
    signIn: () => authorization.begin({ ...device, redirect_uri }, { name: "Chat", actions }),
    invite: () => grant!.call("POST", `${store}/tasks/${grant!.details.task_id}/invitations`, asJson(store, { role: "agent" })),
    offer: () => pushTransfer.start(grant!, { issuer, mode: "move" }),
    claim: () => pushTransfer.claim(device, { ...offer!, device_name: "Phone" }),
    redeem: async ({ device_code }: { device_code: string }) => {
      const waiting = { device_code, interval: 1, ends_at: Date.now() + 60_000 };
      const tokens = await deviceCode.poll(device, waiting, { wanted: () => true, onPending: () => {}, onTrouble: () => {} });
      await Grant.keep(device, tokens!, Date.now());
    },
    details: () => grant!.details,
    extractable: async () => {
      const { get } = (await import("@segue/chat")).vault;
      return ((await get("device-key")) as CryptoKeyPair).privateKey.extractable;
    },
  };
  const tools = new AbortController();
  Object.assign(window, { device: { ...driven, stopTools: () => tools.abort() }, deltas: [] });
  if (!grant) return null;
  driveTools(grant, store, tools.signal);
  return { grant, store };
}

function driveTools(grant: Grant, store: string, signal: AbortSignal): void {
  const effect = async ({ downstream_key, signal }: { downstream_key: string; signal: AbortSignal }) => {
    for (;;) {
      const answer = await (await fetch(`/effects/${downstream_key}`, { method: "PUT", signal })).json();
      if (answer.finished) return { summary: answer.summary };
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const running = runTools(new TaskClient(grant, store), { compare: effect }, { signal });
  running.then(() => (document.body.dataset.tools = "stopped"));
}

const asJson = (audience: string, members: object) => ({
  audience,
  headers: { "Content-Type": "application/json", "Idempotency-Key": crypto.randomUUID() },
  body: JSON.stringify(members),
});

export function heard(id: string, delta: string): void {
  (window as unknown as { deltas: [string, string][] }).deltas.push([id, delta]);
}

export function draw({ messages, status, error }: { messages: Shown[]; status: string; error: Error | undefined }): void {
  document.getElementById("messages")!.replaceChildren(
    ...messages.map(({ id, role, texts, calls }) => {
      const place = document.createElement("li");
      Object.assign(place.dataset, { id, role });
      place.append(...texts.map(drawnText), ...calls.map(drawnCall));
      return place;
    }),
  );
  document.getElementById("status")!.textContent = status;
  document.getElementById("error")!.textContent = error ? `${error.name}: ${error.message}` : "";
}

function drawnText(text: string): HTMLElement {
  return Object.assign(document.createElement("p"), { className: "words", textContent: text });
}

function drawnCall({ id, name, state, output }: Shown["calls"][number]): HTMLElement {
  const place = document.createElement("code");
  Object.assign(place.dataset, { call: id, state });
  place.append(`${name} ${output === undefined ? "" : JSON.stringify(output)}`);
  return place;
}
