// Waiting for the person's decision with a device code, after push and pull alike (RFC 8628 sections 3.4 and 3.5).
import { metadata } from "./authorization.js";
import { accepted, send, Unreachable } from "./proved_fetch.js";

const GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code";
const SLOWER = 5; // seconds that `slow_down` adds to the interval, for good
const UNSAID = 5; // seconds of the interval if the server says none (section 3.2)
const LONGEST = 20; // seconds that a device waits at most for a server that it could not reach
const UNPROVED = ["invalid_dpop_proof", "use_dpop_nonce"];

/**
 * Poll until the person has decided: resolves with the tokens, or with null once `wanted()` is false; throws what ended it.
 * `waiting` is {device_code, interval, ends_at}; `ends_at` in milliseconds since the epoch. `onPending(answer)` hears every answer
 * that says to wait, `onTrouble(failure)` every failure that may pass.
 */
export async function poll(device, waiting, { wanted, onPending, onTrouble }) {
  let interval = waiting.interval ?? UNSAID;
  for (;;) {
    await until(Date.now() + interval * 1000);
    if (!wanted()) return null;
    try {
      return await redeem(device, waiting);
    } catch (failure) {
      if (failure.error === "slow_down") interval += SLOWER;
      else if (failure.error === "authorization_pending") await onPending(failure.body);
      else if (mayPass(failure) && Date.now() < waiting.ends_at) await onTrouble(failure);
      else throw failure;
      if (failure instanceof Unreachable) interval = Math.max(interval, Math.min(2 * interval, LONGEST));
    }
  }
}

async function redeem({ key, issuer, client_id }, { device_code }) {
  const { token_endpoint } = await metadata(issuer);
  const body = new URLSearchParams({ grant_type: GRANT_TYPE, client_id, device_code });
  return accepted(await send(key, "POST", token_endpoint, { body }));
}

const mayPass = (failure) =>
  failure instanceof Unreachable || failure.status >= 500 || failure.status === 429 || UNPROVED.includes(failure.error);

/** Timers of a page in the background sleep: then go on as soon as the person comes back to it, and never earlier than due. */
function until(due) {
  return new Promise((resolve) => {
    const timer = setTimeout(done, due - Date.now());
    const seen = () => document.visibilityState === "visible" && Date.now() >= due && done();
    document.addEventListener("visibilitychange", seen);
    function done() {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
      resolve();
    }
  });
}
