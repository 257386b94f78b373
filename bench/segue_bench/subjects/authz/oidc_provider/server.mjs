// The peer of the bench: oidc-provider with everything it stores in Redis, as its documentation asks of a deployment.
// Arguments: the address of Redis, the thumbprint of the key that asks, how many codes, tokens and polls are prepared,
// and the file that is to tell them, with the issuer, as JSON. People sign in nowhere: the grants are written here.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';

import Redis from 'ioredis';
import Provider, { errors } from 'oidc-provider';

const [address, jkt, prepared, file] = process.argv.slice(2);
const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';
const TASKS = 'https://tasks.example/';
const SCOPE = 'tasks';
const CONSUMABLE = new Set(['AuthorizationCode', 'BackchannelAuthenticationRequest', 'DeviceCode', 'RefreshToken']);
const GRANTABLE = new Set(['AccessToken', 'AuthorizationCode', 'DeviceCode', 'RefreshToken']);

URL.parse ??= (text, base) => { // of Node 22
  try {
    return new URL(text, base);
  } catch {
    return null;
  }
};

const redis = new Redis(address);

class Adapter {
  constructor(name) {
    this.name = name;
  }

  key(id) {
    return `${this.name}:${id}`;
  }

  async upsert(id, payload, expiresIn) {
    const key = this.key(id);
    const writes = redis.multi();
    if (CONSUMABLE.has(this.name)) writes.hset(key, { payload: JSON.stringify(payload) });
    else writes.set(key, JSON.stringify(payload));
    if (expiresIn) writes.expire(key, expiresIn);
    if (GRANTABLE.has(this.name) && payload.grantId) {
      writes.rpush(`grant:${payload.grantId}`, key);
      if (expiresIn) writes.expire(`grant:${payload.grantId}`, expiresIn, 'GT');
    }
    for (const index of ['userCode', 'uid']) {
      if (payload[index]) writes.set(`${index}:${payload[index]}`, id, 'EX', expiresIn ?? 3600);
    }
    await writes.exec();
  }

  async find(id) {
    if (!CONSUMABLE.has(this.name)) return JSON.parse((await redis.get(this.key(id))) ?? 'null') ?? undefined;
    const { payload, ...rest } = await redis.hgetall(this.key(id));
    return payload && { ...rest, ...JSON.parse(payload) };
  }

  async findBy(index, value) {
    const id = await redis.get(`${index}:${value}`);
    return id ? this.find(id) : undefined;
  }

  findByUid(uid) {
    return this.findBy('uid', uid);
  }

  findByUserCode(userCode) {
    return this.findBy('userCode', userCode);
  }

  async consume(id) {
    await redis.hset(this.key(id), 'consumed', Math.floor(Date.now() / 1000));
  }

  async destroy(id) {
    await redis.del(this.key(id));
  }

  async revokeByGrantId(grantId) {
    const keys = await redis.lrange(`grant:${grantId}`, 0, -1);
    await redis.del(...keys, `grant:${grantId}`);
  }
}

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

const configuration = {
  adapter: Adapter,
  clients: [{ client_id: 'phone', grant_types: [DEVICE_CODE, 'refresh_token'], response_types: [], redirect_uris: [] }],
  clientDefaults: {
    dpop_bound_access_tokens: true,
    id_token_signed_response_alg: 'ES256',
    token_endpoint_auth_method: 'none',
  },
  cookies: { keys: [randomBytes(32).toString('base64url')] },
  features: {
    devInteractions: { enabled: false },
    dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true },
    deviceFlow: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => TASKS,
      async getResourceServerInfo(_context, indicator) {
        if (indicator !== TASKS) throw new errors.InvalidTarget();
        const jwt = { sign: { alg: 'ES256' } };
        return { audience: TASKS, scope: SCOPE, accessTokenFormat: 'jwt', accessTokenTTL: 300, jwt };
      },
      useGrantedResource: () => true,
    },
  },
  findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  issueRefreshToken: () => true,
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' }] },
  responseTypes: ['code'],
  rotateRefreshToken: true,
  scopes: [SCOPE],
  ttl: { AccessToken: 300, DeviceCode: 600, Grant: 3600, Interaction: 300, RefreshToken: 3600, Session: 3600 },
};

const server = createServer();
server.listen(0, '127.0.0.1', async () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, configuration);
  server.on('request', provider.callback());
  const client = await provider.Client.find('phone');

  async function granted(accountId) {
    const grant = new provider.Grant({ accountId, clientId: 'phone' });
    grant.addResourceScope(TASKS, SCOPE);
    return { accountId, grantId: await grant.save(), authTime: Math.floor(Date.now() / 1000) };
  }

  async function code(number, decided) {
    const asked = { client, params: { client_id: 'phone', scope: SCOPE }, userCode: `U${number}`, deviceInfo: {} };
    return new provider.DeviceCode({ ...asked, resource: TASKS, scope: SCOPE, claims: {}, ...decided }).save();
  }

  const made = { issuer, codes: [], tokens: [], pending: [] };
  for (let number = 0; number < prepared; number += 1) {
    const decision = await granted(`person-${number}`);
    made.codes.push(await code(`a${number}`, decision));
    made.pending.push(await code(`p${number}`, {}));
    const family = { client, gty: 'device_code', resource: TASKS, scope: SCOPE, claims: {}, jkt, rotations: 0 };
    made.tokens.push(await new provider.RefreshToken({ ...family, ...(await granted(`person-${number}`)) }).save());
  }
  writeFileSync(`${file}.new`, JSON.stringify(made));
  renameSync(`${file}.new`, file);
});
