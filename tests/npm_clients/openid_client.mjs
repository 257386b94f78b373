// openid-client: discovery, registration, code with PKCE, PAR and JAR, refresh, device code, CIBA, introspection,
// revocation, client credentials, token exchange.
import * as client from "openid-client";
import * as jose from "jose";
import { insist, person, proving, task, told, world } from "./world.mjs";

const issuer = new URL(world.issuer);
const http = { execute: [client.allowInsecureRequests], algorithm: "oauth2" };
const READ = task(["task:read", "events:read"], { name: "By openid-client" });

async function request(keys, config) {
  const verifier = client.randomPKCECodeVerifier();
  const DPoP = client.getDPoPHandle(config, keys);
  const state = client.randomState();
  const parameters = {
    redirect_uri: world.redirect_uri,
    authorization_details: READ,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    dpop_jkt: await DPoP.calculateThumbprint(),
    state,
  };
  return { DPoP, parameters, checks: { pkceCodeVerifier: verifier, expectedState: state } };
}

async function redeem(config, url, { DPoP, checks }) {
  const { back } = await person({ do: "authorize", url: url.href, redirect_uri: world.redirect_uri });
  const tokens = await client.authorizationCodeGrant(config, new URL(back), checks, {}, { DPoP });
  insist(tokens.token_type === "dpop", "the token is bound");
  insist(tokens.authorization_details[0].type === "task", "the answer says which task");
  const address = new URL(`${world.store}/tasks/${tokens.authorization_details[0].task_id}`);
  const answer = await client.fetchProtectedResource(config, tokens.access_token, address, "GET", null, undefined, { DPoP });
  insist(answer.status === 200, "the token opens the task");
  return tokens;
}

async function registered() {
  const metadata = { redirect_uris: [world.redirect_uri], client_name: "By openid-client", token_endpoint_auth_method: "none" };
  const config = await client.dynamicClientRegistration(issuer, metadata, client.None(), {
    ...http,
    initialAccessToken: world.invitation,
  });
  insist(config.serverMetadata().issuer === world.issuer, "the metadata is the issuer's");
  const keys = await client.randomDPoPKeyPair("ES256");
  const asked = await request(keys, config);
  let tokens = await redeem(config, client.buildAuthorizationUrl(config, asked.parameters), asked);
  told("discovery, registration, authorization code");
  tokens = await client.refreshTokenGrant(config, tokens.refresh_token, {}, { DPoP: asked.DPoP });
  tokens = await client.refreshTokenGrant(config, tokens.refresh_token, {}, { DPoP: asked.DPoP });
  told("refresh");
  const server = await client.discovery(issuer, world.api.client_id, {}, client.ClientSecretBasic(world.api.secret), http);
  insist((await client.tokenIntrospection(server, tokens.access_token)).active, "a living token is active");
  await asItself(server, tokens.access_token);
  await client.tokenRevocation(config, tokens.refresh_token);
  insist(!(await client.tokenIntrospection(server, tokens.access_token)).active, "a revoked one is not");
  told("introspection, revocation");
  await client.refreshTokenGrant(config, tokens.refresh_token, {}, { DPoP: asked.DPoP }).then(
    () => insist(false, "a revoked grant is refreshed"),
    (refused) => insist(refused.error === "invalid_grant", `refused with ${refused.error}`),
  );
}

async function asItself(server, sent) {
  const DPoP = client.getDPoPHandle(server, await client.randomDPoPKeyPair("ES256"));
  const own = await client.clientCredentialsGrant(server, { scope: "introspection" }, { DPoP });
  insist(own.token_type === "dpop" && own.scope === "introspection", "the server has a token of its own");
  told("client credentials");
  const token = "urn:ietf:params:oauth:token-type:access_token";
  const exchange = { subject_token: sent, subject_token_type: token, resource: world.agent };
  const narrower = await client.genericGrantRequest(
    server, "urn:ietf:params:oauth:grant-type:token-exchange", exchange, { DPoP },
  );
  insist(narrower.issued_token_type === token, "the answer names the type of the token");
  insist(narrower.authorization_details[0].actions.join() === "task:read", "the token is narrower");
  told("token exchange");
}

async function signing() {
  const key = await jose.importJWK(world.signer.jwk, "ES256");
  const auth = client.PrivateKeyJwt({ key, kid: world.signer.jwk.kid });
  const config = await client.discovery(issuer, world.signer.client_id, {}, auth, http);
  const keys = await client.randomDPoPKeyPair("ES256");
  const pushed = await request(keys, config);
  delete pushed.parameters.dpop_jkt; // the proof binds the key
  await redeem(config, await client.buildAuthorizationUrlWithPAR(config, pushed.parameters, { DPoP: pushed.DPoP }), pushed);
  told("private_key_jwt, PAR");
  const signed = await request(keys, config);
  const url = await client.buildAuthorizationUrlWithJAR(config, signed.parameters, { key, kid: world.signer.jwk.kid });
  await redeem(config, url, signed);
  told("JAR");
}

// The check value comes with the polls that are still pending, which the library answers itself.
function watching(keys, ...paths) {
  const ask = proving(keys, ...paths);
  const seen = Promise.withResolvers?.() ?? resolvers();
  const fetching = async (url, options) => {
    const answer = await ask(url, options);
    if (!answer.ok) {
      const { check_value } = await answer.clone().json();
      if (check_value) seen.resolve(check_value);
    }
    return answer;
  };
  return { fetching, check_value: seen.promise };
}

function resolvers() {
  const made = {};
  made.promise = new Promise((resolve) => (made.resolve = resolve));
  return made;
}

async function device() {
  const config = await client.discovery(issuer, world.device, {}, client.None(), http);
  const keys = await client.randomDPoPKeyPair("ES256");
  const { fetching, check_value } = watching(keys, "/device_authorization");
  config[client.customFetch] = fetching;
  const DPoP = client.getDPoPHandle(config, keys);
  const asked = { authorization_details: task(["task:read"]), device_name: "openid-client" };
  const answer = await client.initiateDeviceAuthorization(config, asked);
  await person({ do: "enter_code", verification_uri: answer.verification_uri, user_code: answer.user_code });
  const polling = client.pollDeviceAuthorizationGrant(config, answer, {}, { DPoP });
  const shown = await Promise.race([check_value, polling]);
  await person({ do: "approve", user_code: answer.user_code, check_value: shown });
  insist((await polling).authorization_details[0].type === "task", "the device has its task");
  told("device code");
}

async function backchannel() {
  const { client_id, secret } = world.backchannel;
  const metadata = { id_token_signed_response_alg: "ES256" };
  const config = await client.discovery(issuer, client_id, metadata, client.ClientSecretBasic(secret), http);
  const keys = await client.randomDPoPKeyPair("ES256");
  const before = await request(keys, config); // who is asked has to know the app
  await redeem(config, client.buildAuthorizationUrl(config, before.parameters), before);
  const { fetching, check_value } = watching(keys, "/backchannel_authentication");
  config[client.customFetch] = fetching;
  const DPoP = client.getDPoPHandle(config, keys);
  const answer = await client.initiateBackchannelAuthentication(config, {
    scope: "openid",
    login_hint: world.username,
    binding_message: "A1",
    authorization_details: task(["task:read"]),
  });
  const polling = client.pollBackchannelAuthenticationGrant(config, answer, {}, { DPoP });
  await person({ do: "look_at_request", key: answer.auth_req_id });
  const shown = await Promise.race([check_value, polling]);
  await person({ do: "approve", user_code: answer.auth_req_id, check_value: shown });
  const tokens = await polling;
  insist(tokens.claims().iss === world.issuer, "the identity token is the issuer's");
  told("CIBA");
}

await Promise.all([registered().then(signing), device().then(backchannel)]);
process.exit(0);
