// oauth4webapi: validateJwtAccessToken, which leaves nonce and replay to its caller.
import * as oauth from "oauth4webapi";
import { serve, setting } from "./serve.mjs";

const { audience, issuer, url, method, jwk } = setting;
const server = { issuer, jwks_uri: `${issuer}/jwks` };
const options = {
  requireDPoP: true,
  signingAlgorithms: ["ES256"],
  [oauth.jwksCache]: { uat: Math.floor(Date.now() / 1000), jwks: { keys: [jwk] } },
  [oauth.customFetch]: async () => Response.json({ keys: [jwk] }),
};
await serve(
  ({ token, proof }) => new Request(url, { method, headers: { authorization: `DPoP ${token}`, dpop: proof } }),
  (request) => oauth.validateJwtAccessToken(server, request, audience, options),
);
