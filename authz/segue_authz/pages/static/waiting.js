// Shows on any page of a signed-in person that a request waits. Without it the page works: the start page tells too.

const POLL_EVERY = 2000; // milliseconds

const page = document.querySelector("[data-waiting]");
const known = new Set(page.dataset.waiting.split(" ").filter(Boolean));

// The list of what waits is loaded anew when it has changed; any other page only says that something waits.
function tell(waiting) {
  if (!("reload" in page.dataset)) page.hidden = waiting.length === 0;
  else if (waiting.length !== known.size || waiting.some((id) => !known.has(id))) location.reload();
}

async function look() {
  if (document.hidden) return;
  const answer = await fetch("/requests/waiting", { cache: "no-store" });
  if (answer.ok) tell((await answer.json()).waiting);
}

async function watch() {
  await look().catch(() => {}); // the network comes and goes
  setTimeout(watch, POLL_EVERY);
}

watch();
document.addEventListener("visibilitychange", () => look().catch(() => {}));
