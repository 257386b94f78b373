// The key of this device: ES256, not extractable, kept in IndexedDB; and the proofs it signs (RFC 9449 section 4.2).
import { base64url, bytes, sha256 } from "./base64url.js";
import * as vault from "./vault.js";

const ES256 = { name: "ECDSA", namedCurve: "P-256" };

export class DeviceKey {
  #privateKey;

  constructor(privateKey, jwk, jkt) {
    this.#privateKey = privateKey;
    this.jwk = jwk;
    this.jkt = jkt;
  }

  /** The key of this origin, made on first use. */
  static async open() {
    const pair = (await vault.get("device-key")) ?? (await vault.putFirst("device-key", await generate()));
    const { crv, kty, x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
    const jwk = { crv, kty, x, y }; // in the order in which RFC 7638 section 3 wants the members
    return new DeviceKey(pair.privateKey, jwk, await sha256(JSON.stringify(jwk)));
  }

  /** A proof for one request; `url` may have a query, the proof leaves it out. */
  async proof(htm, url, { nonce, accessToken } = {}) {
    const { origin, pathname } = new URL(url);
    const claims = { jti: crypto.randomUUID(), htm, htu: origin + pathname, iat: Math.floor(Date.now() / 1000) };
    if (nonce) claims.nonce = nonce;
    if (accessToken) claims.ath = await sha256(accessToken);
    const header = { typ: "dpop+jwt", alg: "ES256", jwk: this.jwk };
    const input = [header, claims].map((part) => base64url(bytes(JSON.stringify(part)))).join(".");
    const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, this.#privateKey, bytes(input));
    return `${input}.${base64url(signature)}`;
  }
}

const generate = () => crypto.subtle.generateKey(ES256, false, ["sign", "verify"]);
