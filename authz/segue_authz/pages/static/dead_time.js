// A second click or a held key must not land on a decision that has only just appeared (XD-WEB-02).

const DEAD_TIME = 500; // milliseconds in which a click meant for something else does nothing

function rest(buttons) {
  for (const button of buttons) button.setAttribute("aria-disabled", "true");
  setTimeout(() => buttons.forEach((button) => button.removeAttribute("aria-disabled")), DEAD_TIME);
}

rest(document.querySelectorAll("main button"));
addEventListener("focus", () => rest(document.querySelectorAll("main button:not(.decline)")));
addEventListener("submit", (event) => {
  if (event.submitter?.getAttribute("aria-disabled") === "true") event.preventDefault();
});
addEventListener("keydown", (event) => {
  if (event.repeat && event.key === "Enter") event.preventDefault();
});
