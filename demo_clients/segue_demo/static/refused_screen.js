// The screen for every refusal: what happened, and the one or two things that can be done now.
import { byId, element, say, showScreen } from "./elements.js";
import { explain } from "./refusals.js";
import { Unreachable } from "./segue/proved_fetch.js";
import { t } from "./text.js";

/** Show why it failed. `again` and `restart` are what the two buttons do; without one its button stays away. */
export async function showRefusal(failure, { occasion, settings, again, restart, restartLabel }) {
  const words = await explain(failure, occasion);
  say(byId("refused-title"), words.title);
  say(byId("refused-text"), words.text);
  offer(byId("refused-again"), words.again ? again : null);
  offer(byId("refused-restart"), restart);
  if (restartLabel) say(byId("refused-restart"), restartLabel);
  const untrusted = failure instanceof Unreachable && settings?.self_made_certificate;
  byId("refused-links").hidden = !untrusted;
  if (untrusted) byId("refused-links").replaceChildren(...[settings.issuer, settings.store, settings.agent].map(trustLink));
  showScreen("screen-refused");
}

function offer(button, action) {
  button.hidden = !action;
  button.onclick = action ?? null;
}

/** With the demo's self-made certificate some browsers want to be asked once for each server. */
function trustLink(url) {
  const href = new URL(url).origin;
  const link = element("a", { href, target: "_blank", rel: "noopener noreferrer", dir: "ltr" }, href);
  return element("li", {}, t("Open once and accept the demo’s certificate:"), " ", link);
}
