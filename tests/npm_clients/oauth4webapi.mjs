// oauth4webapi: every step by itself, with a wrong turn at some of them.
import * as oauth from "oauth4webapi";
import { insist, person, proving, task, told, world } from "./world.mjs";

const issuer = new URL(world.issuer);
const insecure = { [oauth.allowInsecureRequests]: true };
const discovered = await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...insecure });
const as = await oauth.processDiscoveryResponse(issuer, discovered);

// The first proof has no nonce, and the server wants its own (RFC 9449 section 8): the library keeps it, one asks again.
async function twice(send, process) {
  try {
    return await process(await send());
  } catch (wrong) {
    if (!oauth.isDPoPNonceError(wrong)) throw wrong;
    return await process(await send());
  }
}

async function registered() {
  const metadata = { redirect_uris: [world.redirect_uri], client_name: "By oauth4webapi", token_endpoint_auth_method: "client_secret_basic" };
  const uninvited = await oauth.dynamicClientRegistrationRequest(as, metadata, insecure);
  await oauth.processDynamicClientRegistrationResponse(uninvited).then(
    () => insist(false, "anybody registers"),
    (refused) => insist(refused.status === 401 || refused.response?.status === 401, "refused as it should be"),
  );
  const answer = await oauth.dynamicClientRegistrationRequest(as, metadata, { initialAccessToken: world.invitation, ...insecure });
  const client = await oauth.processDynamicClientRegistrationResponse(answer);
  told("discovery, registration");
  return { client, auth: oauth.ClientSecretBasic(client.client_secret) };
}

async function code({ client, auth }, keys) {
  const DPoP = oauth.DPoP(client, keys);
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const parameters = {
    response_type: "code",
    client_id: client.client_id,
    redirect_uri: world.redirect_uri,
    authorization_details: task(["task:read"], { name: "By oauth4webapi" }),
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state,
  };
  const pushed = await twice(
    () => oauth.pushedAuthorizationRequest(as, client, auth, parameters, { DPoP, ...insecure }),
    (answer) => oauth.processPushedAuthorizationResponse(as, client, answer),
  );
  told("PAR");
  const url = new URL(as.authorization_endpoint);
  url.search = new URLSearchParams({ client_id: client.client_id, request_uri: pushed.request_uri });
  const { back } = await person({ do: "authorize", url: url.href, redirect_uri: world.redirect_uri });
  const came = oauth.validateAuthResponse(as, client, new URL(back), state);
  const tokens = await twice(
    () => oauth.authorizationCodeGrantRequest(as, client, auth, came, world.redirect_uri, verifier, { DPoP, ...insecure }),
    (answer) => oauth.processAuthorizationCodeResponse(as, client, answer),
  );
  told("authorization code");
  const address = new URL(`${world.store}/tasks/${tokens.authorization_details[0].task_id}`);
  const read = () => oauth.protectedResourceRequest(tokens.access_token, "GET", address, undefined, null, { DPoP, ...insecure });
  const opened = await twice(read, async (answer) => answer);
  insist(opened.status === 200, "the token opens the task");
  told("protected resource");
  return { DPoP, tokens };
}

async function refresh({ client, auth }, { DPoP, tokens }) {
  const refreshed = await twice(
    () => oauth.refreshTokenGrantRequest(as, client, auth, tokens.refresh_token, { DPoP, ...insecure }),
    (answer) => oauth.processRefreshTokenResponse(as, client, answer),
  );
  told("refresh");
  const stolen = oauth.DPoP(client, await oauth.generateKeyPair("ES256"));
  await twice(
    () => oauth.refreshTokenGrantRequest(as, client, auth, refreshed.refresh_token, { DPoP: stolen, ...insecure }),
    (answer) => oauth.processRefreshTokenResponse(as, client, answer),
  ).then(
    () => insist(false, "another key refreshes"),
    (refused) => insist(refused.error === "invalid_grant", `refused with ${refused.error}`),
  );
  return refreshed;
}

async function introspection({ client, auth }, tokens) {
  const api = { client_id: world.api.client_id, introspection_signed_response_alg: "ES256" };
  const secret = oauth.ClientSecretBasic(world.api.secret);
  const active = async (options) => {
    const answer = await oauth.introspectionRequest(as, api, secret, tokens.access_token, { ...options, ...insecure });
    return (await oauth.processIntrospectionResponse(as, api, answer)).active;
  };
  insist(await active({ requestJwtResponse: false }), "a living token is active");
  await asItself(api, secret, tokens.access_token);
  const revoked = await oauth.revocationRequest(as, client, auth, tokens.refresh_token, insecure);
  await oauth.processRevocationResponse(revoked);
  insist(!(await active({ requestJwtResponse: false })), "a revoked one is not");
  told("introspection, revocation");
}

async function asItself(api, secret, sent) {
  const DPoP = oauth.DPoP(api, await oauth.generateKeyPair("ES256"));
  const own = await twice(
    () => oauth.clientCredentialsGrantRequest(as, api, secret, { scope: "introspection" }, { DPoP, ...insecure }),
    (answer) => oauth.processClientCredentialsResponse(as, api, answer),
  );
  insist(own.token_type === "dpop" && own.scope === "introspection", "the server has a token of its own");
  told("client credentials");
  const grant = "urn:ietf:params:oauth:grant-type:token-exchange";
  const token = "urn:ietf:params:oauth:token-type:access_token";
  const exchange = { subject_token: sent, subject_token_type: token, resource: world.agent };
  const narrower = await twice(
    () => oauth.genericTokenEndpointRequest(as, api, secret, grant, exchange, { DPoP, ...insecure }),
    (answer) => oauth.processGenericTokenEndpointResponse(as, api, answer),
  );
  insist(narrower.issued_token_type === token, "the answer names the type of the token");
  insist(narrower.authorization_details[0].actions.join() === "task:read", "the token is narrower");
  told("token exchange");
}

async function device() {
  const client = { client_id: world.device };
  const keys = await oauth.generateKeyPair("ES256");
  const DPoP = oauth.DPoP(client, keys);
  const asked = { authorization_details: task(["task:read"]), device_name: "oauth4webapi" };
  const started = await oauth.deviceAuthorizationRequest(as, client, oauth.None(), asked, {
    [oauth.customFetch]: proving(keys, "/device_authorization"),
    ...insecure,
  });
  const code = await oauth.processDeviceAuthorizationResponse(as, client, started);
  await person({ do: "enter_code", verification_uri: code.verification_uri, user_code: code.user_code });
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, code.interval * 1000));
    try {
      const tokens = await twice(
        () => oauth.deviceCodeGrantRequest(as, client, oauth.None(), code.device_code, { DPoP, ...insecure }),
        (answer) => oauth.processDeviceCodeResponse(as, client, answer),
      );
      insist(tokens.authorization_details[0].type === "task", "the device has its task");
      return told("device code");
    } catch (waiting) {
      if (waiting.error !== "authorization_pending") throw waiting;
      if (waiting.cause.check_value) {
        await person({ do: "approve", user_code: code.user_code, check_value: waiting.cause.check_value });
      }
    }
  }
}

async function inTheBrowser() {
  const client = await registered();
  const granted = await code(client, await oauth.generateKeyPair("ES256"));
  await introspection(client, await refresh(client, granted));
}

await Promise.all([inTheBrowser(), device()]);
process.exit(0);
