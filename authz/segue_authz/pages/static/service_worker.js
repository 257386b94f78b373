// Tells what there is for the person. A push message has no content: there is nothing in it to show, to follow or to
// forge. The server says what it was about, in the person's language, to this browser's own cookie.

const LATEST = "/notices/latest";
const UNKNOWN = { title: "Segue has something to tell you", body: "Open Segue to see what it is.", tag: "unknown", path: "/" };

// Without a network the push has come and the answer does not: then the notification says only that there is something.
async function ask() {
  try {
    const answer = await fetch(LATEST, { cache: "no-store" });
    if (answer.ok) return await answer.json();
  } catch {
    // as if it had not been answered
  }
  return { notices: [], otherwise: UNKNOWN };
}

function show({ title, body, tag, path }, lang) {
  return registration.showNotification(title, { body, tag, lang, data: { path } });
}

async function tell() {
  const { notices, otherwise, lang, csrf } = await ask();
  for (const notice of notices) await show(notice, lang);
  const ids = notices.flatMap((notice) => notice.ids).join(" ");
  if (ids) await fetch(LATEST, { method: "POST", body: new URLSearchParams({ csrf, ids }) }).catch(() => {});
  // Browsers want every push to be seen; one whose message an earlier push has shown is.
  if (!notices.length && !(await registration.getNotifications()).length) await show(otherwise, lang);
}

async function open(path) {
  const windows = await clients.matchAll({ type: "window", includeUncontrolled: true });
  const there = windows.find((each) => new URL(each.url).pathname === path);
  return there ? there.focus() : clients.openWindow(path);
}

addEventListener("install", () => skipWaiting());
addEventListener("push", (event) => event.waitUntil(tell()));
addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data?.path ?? "/"));
});
