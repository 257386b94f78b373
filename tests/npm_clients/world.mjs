// What the scripts are told of the servers, the person they ask to act, and the proof that no library makes.
import { createInterface } from "node:readline";
import * as jose from "jose";

export const world = JSON.parse(process.env.SEGUE_WORLD);
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
let turn = Promise.resolve();

// The person does what is asked, one thing after the other, and says what came of it.
export function person(request) {
  const asked = turn.then(async () => {
    process.stdout.write(JSON.stringify(request) + "\n");
    return JSON.parse((await answers.next()).value);
  });
  turn = asked.catch(() => {});
  return asked;
}

export function told(what) {
  process.stdout.write(JSON.stringify({ did: what }) + "\n");
}

export function task(actions, further = {}) {
  return JSON.stringify([{ type: "task", actions, ...further }]);
}

export function insist(condition, what) {
  if (!condition) throw new Error(what);
}

// Neither library proves a key where a flow across devices begins (RFC 9449 knows the token endpoint and PAR alone), and
// this server binds the task to a key there. So the application does, by the hook that both have for it.
export function proving(keys, ...paths) {
  let nonce;
  return async (url, options) => {
    if (!paths.includes(new URL(url).pathname)) return fetch(url, options);
    for (let again = true; ; again = false) {
      const headers = new Headers(options.headers);
      headers.set("DPoP", await proof(keys, options.method, url, nonce));
      const answer = await fetch(url, { ...options, headers });
      nonce = answer.headers.get("DPoP-Nonce") ?? nonce;
      if (!again || answer.ok || (await answer.clone().json()).error !== "use_dpop_nonce") return answer;
    }
  };
}

async function proof(keys, htm, htu, nonce) {
  const jwk = await jose.exportJWK(keys.publicKey);
  const claims = { htm, htu: String(htu), jti: crypto.randomUUID(), ...(nonce && { nonce }) };
  const header = { alg: "ES256", typ: "dpop+jwt", jwk };
  return new jose.SignJWT(claims).setProtectedHeader(header).setIssuedAt().sign(keys.privateKey);
}
