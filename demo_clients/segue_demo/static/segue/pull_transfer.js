// The pull transfer (specs/protocol.md section 6.5): this device asks for a task, the person lets it have one elsewhere.
import { metadata } from "./authorization.js";
import { accepted, send } from "./proved_fetch.js";

/**
 * Ask for one task: a named one, or one the person chooses, who sees first what a session `about` this may continue. The key is bound to the request. The answer has `user_code` to show,
 * `verification_uri_complete` for a QR code, and the secret `device_code` to poll with. Throws `Refused`, `Unreachable`.
 */
export async function ask({ key, issuer, client_id }, { device_name, actions, task_id, name, about }) {
  const { device_authorization_endpoint } = await metadata(issuer); // refuses metadata of another issuer
  const authorization_details = JSON.stringify([{ type: "task", task_id, name, about, actions }]);
  const body = new URLSearchParams({ client_id, device_name, authorization_details });
  return accepted(await send(key, "POST", device_authorization_endpoint, { body }));
}
