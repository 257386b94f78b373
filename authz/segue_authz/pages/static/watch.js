// Keeps a transfer's page true while it is open. Without it the page works: it is then read anew by hand or by refresh.

const POLL_EVERY = 2000; // milliseconds

const page = document.querySelector("[data-transfer]");
const shown = page.dataset.value;
const openedAt = performance.now();

// In the page's language, with digits like those of the codes; the page's own words are the same (pages/duration.py).
const words = new Intl.RelativeTimeFormat(`${document.documentElement.lang}-u-nu-latn`);

// Before now (-1) or after it (1), in the largest of these units that fits.
function span(seconds, direction) {
  if (seconds < 120) return words.format(direction * seconds, "second");
  if (seconds < 3600) return words.format(direction * Math.floor(seconds / 60), "minute");
  return words.format(direction * Math.floor(seconds / 3600), "hour");
}

function tick() {
  const passed = Math.floor((performance.now() - openedAt) / 1000);
  for (const at of page.querySelectorAll("[data-ago]")) {
    const seconds = Number(at.dataset.ago) + passed;
    if (seconds >= 2 && seconds < 86400) at.textContent = span(seconds, -1);
  }
  for (const at of page.querySelectorAll("[data-left]")) {
    at.textContent = span(Math.max(Number(at.dataset.left) - passed, 0), 1);
  }
}

function warn() {
  const warning = page.querySelector("[data-fact=contested]");
  warning.dataset.value = "true";
  warning.hidden = false;
}

// What was typed stays as long as the state does: only a new state loads the page anew.
function compare(state, contested) {
  if (state !== shown) location.replace(location.pathname);
  else if (contested) warn();
}

async function look() {
  if (document.hidden) return;
  const answer = await fetch(location.pathname, { cache: "no-store", redirect: "manual" });
  const told = answer.headers.get("Segue-Transfer");
  if (told) compare(...told.split(" "));
  else if (answer.type === "opaqueredirect") location.replace(location.pathname);
}

async function watch() {
  await look().catch(() => {}); // the network comes and goes
  setTimeout(watch, POLL_EVERY);
}

// A window that began here was opened for this page; the forms sent from it lengthen its history later.
function openedForThis() {
  if (history.length === 1) sessionStorage.setItem("opened-for", location.pathname);
  return Boolean(window.opener) || sessionStorage.getItem("opened-for") === location.pathname;
}

function offerClosing(place) {
  place.hidden = false;
  place.querySelector("button").addEventListener("click", () => {
    close();
    place.textContent = place.dataset.closed;
  });
}

setInterval(tick, 1000);
if ("watched" in page.dataset) setTimeout(watch, POLL_EVERY);
const place = page.querySelector("[data-close]");
if (openedForThis() && place) offerClosing(place);
