// What this device may do with one task: a refresh token in IndexedDB, short access tokens per server in memory alone.
import { metadata } from "./authorization.js";
import { accepted, Refused, send, Unreachable } from "./proved_fetch.js";
import * as vault from "./vault.js";

const LEEWAY = 20_000; // milliseconds before its end at which an access token is no longer used
const RETRIES = [400, 1200]; // milliseconds; a later request repeats the spent token too, for five minutes (specs/protocol.md section 4)

export class Grant {
  #device;
  #tokens = new Map();

  /** `device` is `{key, issuer, client_id}`; `kept` is what is in the vault under `grant`. */
  constructor(device, kept) {
    this.#device = device;
    this.details = kept.details;
    this.confirmed_at = kept.confirmed_at;
  }

  static async load(device) {
    const kept = await vault.get("grant");
    return kept ? new Grant(device, kept) : null;
  }

  /** Keep the answer of the token endpoint. Throws `Refused` if it is not bound to our key. `confirmed_at` is when the person here agreed to work on this task. */
  static async keep(device, tokens, confirmed_at = null) {
    mustBeBound(tokens);
    const kept = { refresh_token: tokens.refresh_token, details: tokens.authorization_details[0], confirmed_at };
    await vault.put("grant", kept);
    return new Grant(device, kept);
  }

  /** Record that the person at this device agreed to go on with this task of this owner (XD-PUSH-09). */
  async confirm() {
    this.confirmed_at = Date.now();
    await this.#exclusively(async (kept) => vault.put("grant", { ...kept, confirmed_at: this.confirmed_at }));
  }

  /** Forget the grant here, and tell the authorization server if it can be told (RFC 7009). */
  async forget() {
    const { key, issuer, client_id } = this.#device;
    const kept = await vault.get("grant");
    await vault.remove("grant");
    const { revocation_endpoint } = await metadata(issuer);
    if (!kept || !revocation_endpoint) return;
    await send(key, "POST", revocation_endpoint, { body: new URLSearchParams({ client_id, token: kept.refresh_token }) });
  }

  /** Send one request with a token for `audience`, once more with a new token if that one ended early; the answer may be an error. */
  async request(method, url, { audience, ...options }) {
    const attempt = async () => send(this.#device.key, method, url, { ...options, accessToken: await this.#token(audience) });
    const answer = await attempt();
    if (!isInvalidToken(answer)) return answer;
    this.#tokens.delete(audience);
    return attempt();
  }

  /** As `request`, and decode the answer. Throws `Refused`, `Unreachable`. */
  async call(method, url, options) {
    return accepted(await this.request(method, url, options));
  }

  async #token(audience) {
    const fresh = () => this.#tokens.get(audience)?.expires_at > Date.now() + LEEWAY;
    if (!fresh()) await this.#exclusively(async (kept) => fresh() || this.#refresh(kept, audience));
    return this.#tokens.get(audience).access_token;
  }

  /** One at a time in all tabs: the refresh token changes with each use. */
  #exclusively(work) {
    return navigator.locks.request("segue-grant", async () => {
      const kept = await vault.get("grant");
      if (kept?.details.task_id !== this.details.task_id) throw new Refused(400, { error: "invalid_grant" });
      return work(kept);
    });
  }

  async #refresh(kept, audience) {
    const { key, issuer, client_id } = this.#device;
    const { token_endpoint } = await metadata(issuer);
    const form = { grant_type: "refresh_token", client_id, refresh_token: kept.refresh_token, resource: audience };
    const answer = await repeatUnanswered(() => send(key, "POST", token_endpoint, { body: new URLSearchParams(form) }));
    const tokens = await accepted(answer);
    mustBeBound(tokens);
    this.details = { ...kept.details, ...tokens.authorization_details[0] };
    await vault.put("grant", { ...kept, refresh_token: tokens.refresh_token ?? kept.refresh_token, details: this.details });
    const { access_token } = tokens;
    this.#tokens.set(audience, { access_token, expires_at: Date.now() + tokens.expires_in * 1000 });
  }
}

const isInvalidToken = (answer) =>
  answer.status === 401 && (answer.headers.get("WWW-Authenticate") ?? "").includes('error="invalid_token"');

/** A token of another type is not bound to our key, and nothing of it is kept (RFC 9449 section 5). */
function mustBeBound({ token_type }) {
  if (String(token_type).toLowerCase() !== "dpop") throw new Refused(200, { error: "unbound_token" });
}

/** The answer may have been lost on the way: ask again soon, with the same refresh token. */
async function repeatUnanswered(ask) {
  for (const pause of RETRIES) {
    try {
      return await ask();
    } catch (failure) {
      if (!(failure instanceof Unreachable)) throw failure;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
  return ask();
}
