// Metadata of the authorization server, and the authorization code flow: PKCE, `dpop_jkt`, `iss` (RFC 7636, 9449, 9207).
import { randomText, sha256 } from "./base64url.js";
import { accepted, read, Refused, send } from "./proved_fetch.js";
import * as vault from "./vault.js";

const found = new Map();

/** The metadata (RFC 8414). Throws unless its issuer is the one that was asked for, byte for byte. */
export async function metadata(issuer) {
  if (found.has(issuer)) return found.get(issuer);
  const { origin, pathname } = new URL(issuer);
  const answer = await read(`${origin}/.well-known/oauth-authorization-server${pathname.replace(/\/$/, "")}`);
  if (answer.issuer !== issuer) throw new Refused(200, { error: "wrong_issuer" });
  found.set(issuer, answer);
  return answer;
}

/**
 * Leave this page for the authorization server; the person signs in there, and chooses a task or agrees to the one of `task_id`.
 * `about` says what the session is about: the task that it may continue is shown first. Such a request is pushed (RFC 9126), so that nothing
 * of it stands in an address. `signIn` has `max_age` or `acr_values` when a resource server asked for a sign-in of late, or of another kind (RFC 9470); `ui_locales` is what the person reads
 * (OpenID Connect Core section 3.1.2.1).
 */
export async function begin({ key, issuer, client_id, redirect_uri }, { task_id, name, about, actions, signIn = {}, ui_locales }) {
  const [state, verifier] = [randomText(), randomText()];
  await vault.put("authorization", { state, verifier, redirect_uri });
  const { authorization_endpoint, pushed_authorization_request_endpoint } = await metadata(issuer);
  let query = new URLSearchParams({
    response_type: "code",
    client_id,
    redirect_uri,
    state,
    code_challenge: await sha256(verifier),
    code_challenge_method: "S256",
    dpop_jkt: key.jkt,
    authorization_details: JSON.stringify([{ type: "task", task_id, name, about, actions }]),
  });
  for (const name of ["max_age", "acr_values"]) if (signIn[name]) query.set(name, signIn[name]);
  if (ui_locales) query.set("ui_locales", ui_locales);
  if (about) {
    const { request_uri } = await accepted(await send(key, "POST", pushed_authorization_request_endpoint, { body: query }));
    query = new URLSearchParams({ client_id, request_uri });
  }
  location.assign(`${authorization_endpoint}?${query}`);
}

/** The answer in this page's address, taken out of it at once; null if there is none. */
export function takeAnswer() {
  const answer = Object.fromEntries(new URLSearchParams(location.search));
  if (!answer.state || !(answer.code || answer.error)) return null;
  history.replaceState(null, "", location.pathname);
  return answer;
}

/** Exchange the code for tokens. Throws `Refused` (also when the answer is not one to our request). */
export async function finish({ key, issuer, client_id }, answer) {
  const asked = await vault.get("authorization");
  if (!asked || answer.state !== asked.state || answer.iss !== issuer) throw new Refused(400, { error: "wrong_answer" });
  if (answer.error) throw new Refused(400, { error: answer.error });
  const { token_endpoint } = await metadata(issuer);
  const body = new URLSearchParams({
    grant_type: "authorization_code",
    client_id,
    code: answer.code,
    redirect_uri: asked.redirect_uri,
    code_verifier: asked.verifier,
  });
  const tokens = await accepted(await send(key, "POST", token_endpoint, { body }));
  await vault.remove("authorization");
  return tokens;
}
