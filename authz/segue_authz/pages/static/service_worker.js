// Tells that a request waits. A message has no content: there is nothing in it to show, to follow or to forge.

const PAGE = "/requests";

async function open() {
  const windows = await clients.matchAll({ type: "window", includeUncontrolled: true });
  const there = windows.find((each) => new URL(each.url).pathname === PAGE);
  return there ? there.focus() : clients.openWindow(PAGE);
}

addEventListener("install", () => skipWaiting());
addEventListener("push", (event) => {
  const shown = { body: "Open Segue to see who asks. If you did not start it, decline.", tag: "waiting" };
  event.waitUntil(registration.showNotification("A request waits for you", shown));
});
addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open());
});
