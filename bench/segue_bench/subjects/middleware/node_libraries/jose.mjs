// jose: jwtVerify for both, EmbeddedJWK for the proof's key, calculateJwkThumbprint; what it leaves to its caller by hand.
import { createHash } from "node:crypto";
import { calculateJwkThumbprint, createLocalJWKSet, EmbeddedJWK, jwtVerify } from "jose";
import { serve, setting } from "./serve.mjs";

const WINDOW = 60;
const { audience, issuer, url, method, nonce, jwk } = setting;
const keys = createLocalJWKSet({ keys: [jwk] });
const tokenRules = { audience, issuer, algorithms: ["ES256"], typ: "at+jwt", requiredClaims: ["exp", "iat"] };
const proofRules = { algorithms: ["ES256"], typ: "dpop+jwt", requiredClaims: ["iat"] };
const seen = new Set();

await serve(
  (request) => request,
  async ({ token, proof }) => {
    const access = await jwtVerify(token, keys, tokenRules);
    const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, proofRules);
    const jkt = await calculateJwkThumbprint(protectedHeader.jwk);
    const ath = createHash("sha256").update(token).digest("base64url");
    const good = access.payload.cnf.jkt === jkt && payload.htm === method && payload.htu === url && payload.ath === ath;
    const fresh = payload.nonce === nonce && Math.abs(Date.now() / 1000 - payload.iat) <= WINDOW;
    const use = `${jkt}.${payload.jti}`;
    if (!good || !fresh || seen.has(use)) throw new Error("refused");
    seen.add(use);
  },
);
