// Shows on any page of a signed-in person that a request waits or that a device has joined. Without it the page works:
// the start page tells too.

const POLL_EVERY = 2000; // milliseconds

const page = document.querySelector("[data-waiting]");
const known = words(page.dataset.waiting);

function words(text) {
  return new Set((text ?? "").split(" ").filter(Boolean));
}

// The list of what waits is loaded anew when it has changed; any other page only says that something waits.
function tell(waiting) {
  if (!("reload" in page.dataset)) page.hidden = waiting.length === 0;
  else if (waiting.length !== known.size || waiting.some((id) => !known.has(id))) location.reload();
}

// Of what this page shows itself nothing is said a second time.
function tellNews(there) {
  const shown = words([...document.querySelectorAll("[data-known]")].map((each) => each.dataset.known).join(" "));
  for (const note of document.querySelectorAll("[data-news]"))
    note.hidden = there[note.dataset.news].every((id) => shown.has(id));
}

async function look() {
  if (document.hidden) return;
  const answer = await fetch("/requests/waiting", { cache: "no-store" });
  if (!answer.ok) return;
  const there = await answer.json();
  tellNews(there);
  tell(there.waiting);
}

async function watch() {
  await look().catch(() => {}); // the network comes and goes
  setTimeout(watch, POLL_EVERY);
}

watch();
document.addEventListener("visibilitychange", () => look().catch(() => {}));
