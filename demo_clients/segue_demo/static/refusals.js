// What to tell the person when something is refused: what happened, that nothing is lost, and what to do now.
import { Refused, Unreachable } from "./segue/proved_fetch.js";
import * as vault from "./segue/vault.js";
import { plural, t } from "./text.js";

const CLAIMING = {
  invalid_grant: [
    t("This code can no longer be used"),
    t("It has lapsed, was mistyped, or another device used it first. Codes work once and for two minutes. Show a new one on your other device."),
  ],
  wrong_issuer: [
    t("This code is from another service"),
    t("It does not come from the authorization server this page was set up for. Nothing was sent to it. If somebody sent you the code, do not use it."),
  ],
};
const WAITING = {
  access_denied: [
    t("Not confirmed on the other device"),
    t("The transfer was declined or withdrawn there, or the number was typed wrongly twice. Nothing was handed over. You can start again with a new code."),
  ],
  expired_token: [
    t("The confirmation took too long"),
    t("Nobody confirmed on the other device in time. Nothing was handed over. Start again with a new code."),
  ],
  invalid_grant: [
    t("This transfer has ended"),
    t("The other device started a new one or withdrew it. Nothing was handed over. Start again with a new code."),
  ],
};
const SIGNING_IN = {
  access_denied: [
    t("Nothing was opened"),
    t("You declined, or the task does not belong to the account that is signed in there. You can sign in again whenever you like."),
  ],
  wrong_answer: [t("That sign-in does not belong to this page"), t("It was not started here, or it was used before. Please start again.")],
  invalid_grant: [t("The sign-in took too long"), t("It is valid for a minute and once. Please start again.")],
};
const NO_ACCESS = [
  t("This device no longer has access"),
  t("Its access was ended or has run out, and this page shows nothing of the task any more. The task itself is unharmed."),
];
const ALWAYS = {
  invalid_grant: NO_ACCESS,
  invalid_token: NO_ACCESS,
  unauthorized_client: [
    t("This app gets no tasks for now"),
    t("It was reported as having asked for tasks that nobody wanted to hand over. Nothing was handed over now."),
  ],
  wrong_issuer: [t("The authorization server is not the expected one"), t("It answers under another name. This page stops here.")],
};
const OCCASIONS = { claiming: CLAIMING, waiting: WAITING, "signing in": SIGNING_IN };

/** `{title, text, again}` for a failure on an occasion; `again` says whether trying the same once more makes sense. */
export async function explain(failure, occasion = "") {
  if (failure instanceof Unreachable) return { ...unreachable(failure), again: true };
  if (!(failure instanceof Refused)) return { title: t("Something went wrong on this page"), text: String(failure), again: true };
  if (["invalid_dpop_proof", "use_dpop_nonce"].includes(failure.error)) return { ...(await clock()), again: true };
  if (failure.status === 429) {
    return { title: t("Too many tries"), text: t("Please wait a minute, then try again."), again: true };
  }
  if (failure.status >= 500) {
    return { title: t("The server has a problem"), text: t("Nothing is lost. Please try again in a moment."), again: true };
  }
  const known = OCCASIONS[occasion]?.[failure.error] ?? ALWAYS[failure.error];
  if (known) return { title: known[0], text: known[1], again: false };
  return { title: t("The server refused"), text: t("It said: {words}", { words: failure.message || failure.error }), again: false };
}

/** Both in one line. */
export const titled = ({ title, text }) => t("{title}. {text}", { title, text });

/** Whether the authorization server has taken the grant of this device away. */
export const hasLostAccess = (failure, occasion = "") => !occasion && ["invalid_grant", "invalid_token"].includes(failure?.error);

/** Forget what is kept of a lost grant, and its key: a revoked key gets nothing any more, so the next task comes to a new one. */
export async function forgetAccess() {
  for (const name of ["grant", "session", "device-key"]) await vault.remove(name);
}

function unreachable(failure) {
  if (!navigator.onLine) return { title: t("This device is offline"), text: t("Nothing is lost. It goes on when the network is back.") };
  const text = t("There is no answer from {server}. Nothing is lost; check the network and try again.", { server: failure.origin });
  return { title: t("No connection to the server"), text };
}

/** Proofs carry the time; the page's own server tells how far off this device's clock is. */
async function clock() {
  const title = t("This device could not prove itself");
  try {
    const { headers } = await fetch("config.json", { method: "HEAD", cache: "no-store" });
    const off = Math.round((Date.now() - Date.parse(headers.get("Date"))) / 60_000);
    if (Math.abs(off) >= 1) {
      const how = off > 0
        ? plural("It is {count} minute fast.", "It is {count} minutes fast.", off)
        : plural("It is {count} minute slow.", "It is {count} minutes slow.", -off);
      const remedy = t("Set the time to automatic in the settings, then try again.");
      return { title: t("The clock of this device is wrong"), text: `${how} ${remedy}` };
    }
  } catch {
    // then the general text must do
  }
  return { title, text: t("Most often the clock is wrong. Set the time to automatic in the settings, then try again.") };
}
