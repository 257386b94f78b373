// DOM by hand: text is only ever text, so nothing from a task or a client can become markup.

/** `element("p", {className: "quiet"}, "text", child)`; members of `data` and `aria` become attributes. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  const { data = {}, aria = {}, ...rest } = properties;
  Object.assign(made, rest);
  Object.assign(made.dataset, data);
  for (const [name, value] of Object.entries(aria)) made.setAttribute(`aria-${name}`, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export const byId = (id) => document.getElementById(id);

/** Set the text if it is another one, so that a live region speaks once. */
export function say(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

/** Show one of the page's screens and move the focus to its heading. */
export function showScreen(id) {
  const screen = byId(id);
  if (!screen.hidden) return;
  for (const other of document.querySelectorAll("main > section")) other.hidden = other !== screen;
  const heading = screen.querySelector("h1, h2");
  heading?.setAttribute("tabindex", "-1");
  heading?.focus({ preventScroll: true });
  scrollTo(0, 0);
}
