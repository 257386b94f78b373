// A question with buttons: one decision at a time, and what became of it is said beside them.
import { element, say } from "./elements.js";
import { whyNot } from "./decisions.js";

/**
 * `{place, buttons, attempt}` for `choices` as `[[label, decide, className]]`. While one is on its way none has an effect, and the focus
 * stays where it is (a button that is disabled would lose it); a refusal is said in words. `attempt(decide)` does what a button does.
 */
export function choice(choices) {
  const status = element("span", { className: "choice-status", role: "status" });
  const buttons = choices.map(([label, decide, className = "quiet"]) =>
    element("button", { type: "button", className, onclick: () => attempt(decide) }, label));
  const place = element("p", { className: "row choices" }, ...buttons, status);
  let busy = false;
  return { place, buttons, attempt };

  async function attempt(decide) {
    if (busy) return;
    show((busy = true));
    say(status, "");
    try {
      await decide();
    } catch (failure) {
      say(status, whyNot(failure));
    } finally {
      show((busy = false));
    }
  }

  function show(waiting) {
    for (const button of buttons) button.ariaDisabled = waiting ? "true" : null;
  }
}
