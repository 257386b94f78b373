// What to tell the person when something is refused: what happened, that nothing is lost, and what to do now.
import { Refused, Unreachable } from "./segue/proved_fetch.js";
import * as vault from "./segue/vault.js";

const CLAIMING = {
  invalid_grant: [
    "This code can no longer be used",
    "It has lapsed, was mistyped, or another device used it first. Codes work once and for two minutes. Show a new one on your other device.",
  ],
  wrong_issuer: [
    "This code is from another service",
    "It does not come from the authorization server this page was set up for. Nothing was sent to it. If somebody sent you the code, do not use it.",
  ],
};
const WAITING = {
  access_denied: [
    "Not confirmed on the other device",
    "The transfer was declined or withdrawn there, or the number was typed wrongly twice. Nothing was handed over. You can start again with a new code.",
  ],
  expired_token: [
    "The confirmation took too long",
    "Nobody confirmed on the other device in time. Nothing was handed over. Start again with a new code.",
  ],
  invalid_grant: [
    "This transfer has ended",
    "The other device started a new one or withdrew it. Nothing was handed over. Start again with a new code.",
  ],
};
const SIGNING_IN = {
  access_denied: [
    "Nothing was opened",
    "You declined, or the task does not belong to the account that is signed in there. You can sign in again whenever you like.",
  ],
  wrong_answer: ["That sign-in does not belong to this page", "It was not started here, or it was used before. Please start again."],
  invalid_grant: ["The sign-in took too long", "It is valid for a minute and once. Please start again."],
};
const NO_ACCESS = [
  "This device no longer has access",
  "Its access was ended or has run out, and this page shows nothing of the task any more. The task itself is unharmed.",
];
const ALWAYS = {
  invalid_grant: NO_ACCESS,
  invalid_token: NO_ACCESS,
  unauthorized_client: [
    "This app gets no tasks for now",
    "It was reported as having asked for tasks that nobody wanted to hand over. Nothing was handed over now.",
  ],
  wrong_issuer: ["The authorization server is not the expected one", "It answers under another name. This page stops here."],
};
const OCCASIONS = { claiming: CLAIMING, waiting: WAITING, "signing in": SIGNING_IN };

/** `{title, text, again}` for a failure on an occasion; `again` says whether trying the same once more makes sense. */
export async function explain(failure, occasion = "") {
  if (failure instanceof Unreachable) return { ...unreachable(failure), again: true };
  if (!(failure instanceof Refused)) return { title: "Something went wrong on this page", text: String(failure), again: true };
  if (["invalid_dpop_proof", "use_dpop_nonce"].includes(failure.error)) return { ...(await clock()), again: true };
  if (failure.status === 429) {
    return { title: "Too many tries", text: "Please wait a minute, then try again.", again: true };
  }
  if (failure.status >= 500) {
    return { title: "The server has a problem", text: "Nothing is lost. Please try again in a moment.", again: true };
  }
  const known = OCCASIONS[occasion]?.[failure.error] ?? ALWAYS[failure.error];
  if (known) return { title: known[0], text: known[1], again: false };
  return { title: "The server refused", text: `It said: ${failure.message || failure.error}`, again: false };
}

/** Whether the authorization server has taken the grant of this device away. */
export const hasLostAccess = (failure, occasion = "") => !occasion && ["invalid_grant", "invalid_token"].includes(failure?.error);

/** Forget what is kept of a lost grant, and its key: a revoked key gets nothing any more, so the next task comes to a new one. */
export async function forgetAccess() {
  for (const name of ["grant", "session", "device-key"]) await vault.remove(name);
}

function unreachable(failure) {
  if (!navigator.onLine) return { title: "This device is offline", text: "Nothing is lost. It goes on when the network is back." };
  const text = `There is ${failure.message}. Nothing is lost; check the network and try again.`;
  return { title: "No connection to the server", text };
}

/** Proofs carry the time; the page's own server tells how far off this device's clock is. */
async function clock() {
  const title = "This device could not prove itself";
  try {
    const { headers } = await fetch("config.json", { method: "HEAD", cache: "no-store" });
    const off = Math.round((Date.now() - Date.parse(headers.get("Date"))) / 60_000);
    if (Math.abs(off) >= 1) {
      const direction = off > 0 ? "fast" : "slow";
      return {
        title: "The clock of this device is wrong",
        text: `It is ${Math.abs(off)} minutes ${direction}. Set the time to automatic in the settings, then try again.`,
      };
    }
  } catch {
    // then the general text must do
  }
  return { title, text: "Most often the clock is wrong. Set the time to automatic in the settings, then try again." };
}
