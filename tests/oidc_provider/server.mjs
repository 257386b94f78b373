// An authorization server that is not ours: oidc-provider, with all of it that the threat suite has attacks for.
// Listens at a free port of this machine and prints its issuer. Everything it knows is gone when it ends.
// The first argument is the secret of its resource servers. The second, if there is one, is the registration of a server
// whose people sign in here (OpenID Connect Dynamic Client Registration 1.0 section 2), as JSON.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

import Provider, { errors } from 'oidc-provider';

const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';
const TASKS = 'https://tasks.example/';

const relyingParties = process.argv[3] ? [JSON.parse(process.argv[3])] : [];

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

const configuration = {
  clients: [
    {
      client_id: 'desktop',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      redirect_uris: ['https://threats.example/'],
    },
    {
      client_id: 'phone',
      grant_types: [DEVICE_CODE, 'refresh_token'],
      response_types: [],
      redirect_uris: [],
    },
    ...['store', 'other'].map((name) => ({
      client_id: name,
      client_secret: process.argv[2],
      dpop_bound_access_tokens: false,
      grant_types: [],
      response_types: [],
      redirect_uris: [],
      token_endpoint_auth_method: 'client_secret_basic',
    })),
    ...relyingParties.map((registered) => ({
      backchannel_logout_session_required: true,
      dpop_bound_access_tokens: false,
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
      ...registered,
    })),
  ],
  clientDefaults: {
    dpop_bound_access_tokens: true,
    id_token_signed_response_alg: 'ES256',
    token_endpoint_auth_method: 'none',
  },
  cookies: { keys: [randomBytes(32).toString('base64url')] },
  features: {
    backchannelLogout: { enabled: true },
    dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true },
    deviceFlow: { enabled: true },
    introspection: { enabled: true },
    pushedAuthorizationRequests: { enabled: true },
    resourceIndicators: {
      enabled: true,
      async getResourceServerInfo(_context, indicator) {
        if (indicator !== TASKS) throw new errors.InvalidTarget();
        return { audience: TASKS, scope: 'openid', accessTokenFormat: 'jwt', accessTokenTTL: 300 };
      },
    },
    revocation: { enabled: true },
  },
  issueRefreshToken: async (_context, client) => client.grantTypeAllowed('refresh_token'),
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' }] },
  responseTypes: ['code'],
  rotateRefreshToken: true,
  ttl: { AccessToken: 300, DeviceCode: 300, Grant: 3600, Interaction: 300, RefreshToken: 3600, Session: 3600 },
};

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  server.on('request', new Provider(issuer, configuration).callback());
  console.log(`issuer ${issuer}`);
});
