// Serves requests by oauth4webapi's validateJwtAccessToken, which leaves nonce and replay to its caller.
// First line in: {audience, issuer, url, method, jwk}; then a line with a list of {token, proof} for each round.
// Out: {"ready": version of node}, then a line with the nanoseconds of each request, or {"error"}.
import { createInterface } from "node:readline";
import * as oauth from "oauth4webapi";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");
const { audience, issuer, url, method, jwk } = JSON.parse((await lines.next()).value);
const server = { issuer, jwks_uri: `${issuer}/jwks` };
const options = {
  requireDPoP: true,
  signingAlgorithms: ["ES256"],
  [oauth.jwksCache]: { uat: Math.floor(Date.now() / 1000), jwks: { keys: [jwk] } },
  [oauth.customFetch]: async () => Response.json({ keys: [jwk] }),
};
say({ ready: process.version });
for await (const line of lines) {
  try {
    const requests = JSON.parse(line).map(
      ({ token, proof }) => new Request(url, { method, headers: { authorization: `DPoP ${token}`, dpop: proof } }),
    );
    const times = [];
    for (const request of requests) {
      const began = process.hrtime.bigint();
      await oauth.validateJwtAccessToken(server, request, audience, options);
      times.push(Number(process.hrtime.bigint() - began));
    }
    say(times);
  } catch (refused) {
    say({ error: String(refused) });
  }
}
