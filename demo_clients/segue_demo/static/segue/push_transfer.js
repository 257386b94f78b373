// The push transfer (specs/protocol.md section 6): offered by the Authorization Device, claimed by the Consumption Device.
import { metadata } from "./authorization.js";
import { accepted, Refused, send } from "./proved_fetch.js";

/** Offer the task of `grant`; `mode` is `move` or `share`. */
export const start = (grant, { issuer, mode, consumption_uri }) =>
  atIssuer(grant, issuer, "POST", "", { mode, ...(consumption_uri ? { consumption_uri } : {}) });

/** How far it is, and who claims it. */
export const state = (grant, { issuer, transfer_id }) => atIssuer(grant, issuer, "GET", `/${transfer_id}`);

export const cancel = (grant, { issuer, transfer_id }) => atIssuer(grant, issuer, "POST", `/${transfer_id}/cancel`, {});

/** The offer in this page's address, taken out of it at once (XD-PUSH-08); null if there is none. */
export function takeOffer() {
  const offer = offerIn(location.hash);
  if (offer) history.replaceState(null, "", location.pathname + location.search);
  return offer;
}

/** The offer in the text of a scanned code; null if it holds none. The address it stands in is not opened. */
export function scannedOffer(text) {
  return URL.canParse(text) ? offerIn(new URL(text).hash) : null;
}

function offerIn(fragment) {
  const members = new URLSearchParams(fragment.slice(1));
  if (!members.has("transfer_code")) return null;
  return { iss: members.get("iss"), transfer_code: members.get("transfer_code") };
}

/** Claim an offer with this device's key. Only the issuer this page is set up for is ever asked (XD-PUSH-12). */
export async function claim({ key, issuer, client_id }, { iss, transfer_code, device_name }) {
  if (iss !== issuer) throw new Refused(400, { error: "wrong_issuer" });
  const { transfer_claim_endpoint } = await metadata(issuer); // refuses metadata of another issuer
  const body = new URLSearchParams({ client_id, transfer_code, device_name });
  return accepted(await send(key, "POST", transfer_claim_endpoint, { body }));
}

/** The transfer endpoint is a protected resource, and its audience is the issuer. */
async function atIssuer(grant, issuer, method, path, form) {
  const { transfer_endpoint } = await metadata(issuer);
  const body = form && new URLSearchParams(form);
  return grant.call(method, transfer_endpoint + path, { audience: issuer, body });
}
