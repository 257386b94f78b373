// What the page is told by the server it came from: issuer, task store, agent backend, client.
import { Unreachable } from "./segue/proved_fetch.js";

export async function loadSettings() {
  try {
    const answer = await fetch("config.json");
    return await answer.json();
  } catch (failure) {
    throw new Unreachable(location.origin, { cause: failure });
  }
}
