// Bytes and base64url without padding (RFC 7515 section 2), and what is made of them: digests and random values.
export const bytes = (text) => new TextEncoder().encode(text);

export const base64url = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

export const sha256 = async (text) => base64url(await crypto.subtle.digest("SHA-256", bytes(text)));

/** 256 random bits as text. */
export const randomText = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
