// Requests with a DPoP proof and the server's nonce, and the two ways in which they fail: refused, or not answered at all.
const PATIENCE = 15_000; // milliseconds until an answer must have begun
const nonces = new Map(); // origin -> the newest nonce of that server (RFC 9449 section 8.2)

/** The server said no. `error` is the OAuth error code or the slug of the problem type; `body` the decoded answer. */
export class Refused extends Error {
  constructor(status, body) {
    const error = body.error ?? String(body.type ?? "").split(":").pop() ?? "";
    super(body.error_description ?? body.detail ?? body.title ?? "");
    this.status = status;
    this.error = error || String(status);
    this.body = body;
  }

  static async of(answer) {
    return new Refused(answer.status, await json(answer));
  }
}

/** No answer: the network is down, the server is away, or (with a self-made certificate) not trusted yet. */
export class Unreachable extends Error {
  constructor(origin, options) {
    super(`no answer from ${origin}`, options);
    this.origin = origin;
  }
}

/** Send one proved request, once more with the nonce if the server asks for one; the answer may be an error. */
export async function send(key, method, url, options = {}) {
  const answer = await attempt(key, method, url, options);
  return (await asksForNonce(answer)) ? attempt(key, method, url, options) : answer;
}

/** The decoded answer. Throws `Refused`. */
export async function accepted(answer) {
  if (!answer.ok) throw await Refused.of(answer);
  return json(answer);
}

/** Plain GET of a public JSON document. Throws `Refused`, `Unreachable`. */
export const read = async (url) => accepted(await reach(url, { signal: AbortSignal.timeout(PATIENCE) }));

async function attempt(key, method, url, { accessToken, headers = {}, body, signal, patience = PATIENCE }) {
  const { origin } = new URL(url);
  const sent = { ...headers, DPoP: await key.proof(method, url, { nonce: nonces.get(origin), accessToken }) };
  if (accessToken) sent.Authorization = `DPoP ${accessToken}`;
  const answer = await reach(url, { method, headers: sent, body, signal: signal ?? AbortSignal.timeout(patience) });
  const nonce = answer.headers.get("DPoP-Nonce");
  if (nonce) nonces.set(origin, nonce);
  return answer;
}

async function reach(url, request) {
  try {
    return await fetch(url, { credentials: "omit", cache: "no-store", redirect: "error", ...request });
  } catch (failure) {
    throw new Unreachable(new URL(url).origin, { cause: failure });
  }
}

async function asksForNonce(answer) {
  if (answer.status === 401) return (answer.headers.get("WWW-Authenticate") ?? "").includes('error="use_dpop_nonce"');
  return answer.status === 400 && (await json(answer.clone())).error === "use_dpop_nonce";
}

async function json(answer) {
  try {
    return (await answer.json()) ?? {};
  } catch {
    return {}; // an empty answer, or an error page of something in between
  }
}
