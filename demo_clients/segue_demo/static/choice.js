// A question with buttons: one decision at a time, and what became of it is said beside them.
import { element, say } from "./elements.js";
import { whyNot } from "./decisions.js";

/**
 * `{place, buttons, attempt}` for `choices` as `[[label, decide, className]]`. While one is on its way none can be pressed; a refusal is said
 * in words. `attempt(decide)` does what a button does.
 */
export function choice(choices) {
  const status = element("span", { className: "choice-status", role: "status" });
  const buttons = choices.map(([label, decide, className = "quiet"]) =>
    element("button", { type: "button", className, onclick: () => attempt(decide) }, label));
  const place = element("p", { className: "row choices" }, ...buttons, status);
  return { place, buttons, attempt };

  async function attempt(decide) {
    const open = buttons.filter(({ disabled }) => !disabled);
    for (const button of open) button.disabled = true;
    say(status, "");
    try {
      await decide();
    } catch (failure) {
      say(status, whyNot(failure));
    } finally {
      for (const button of open) button.disabled = false;
    }
  }
}
