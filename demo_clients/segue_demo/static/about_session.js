// What the person says that the session is about, before it has a task; JSON leaves it out where they say nothing.
import { byId } from "./elements.js";

export function aboutSession() {
  return byId("about").value.trim() || undefined;
}
