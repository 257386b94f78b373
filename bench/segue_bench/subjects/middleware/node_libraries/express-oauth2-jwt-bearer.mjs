// express-oauth2-jwt-bearer: its handler with DPoP required, given a request of Express; it leaves nonce and replay out.
import express from "express";
import { auth } from "express-oauth2-jwt-bearer";
import { serve, setting } from "./serve.mjs";

const { audience, issuer, url, method, jwk } = setting;
const { protocol, host, pathname } = new URL(url);
const app = express();
const handler = auth({
  issuer,
  audience,
  publicKey: { keys: [jwk] },
  tokenSigningAlg: "ES256",
  strict: true,
  dpop: { enabled: true, required: true, iatOffset: 60, iatLeeway: 60 },
});

function request({ token, proof }) {
  const members = {
    app: { value: app },
    headers: { value: { host, authorization: `DPoP ${token}`, dpop: proof } },
    method: { value: method },
    url: { value: pathname },
    originalUrl: { value: pathname },
    baseUrl: { value: "" },
    protocol: { value: protocol.slice(0, -1) },
    query: { value: {} },
    auth: { writable: true },
  };
  return Object.create(app.request, members);
}

await serve(
  request,
  (req) =>
    new Promise((resolve, reject) => {
      handler(req, Object.create(app.response), (refused) => (refused ? reject(refused) : resolve()));
    }),
);
