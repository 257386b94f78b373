// Asks the browser for an address at its push service, and puts it into the form that sends it.

const page = document.querySelector("[data-worker]");
const form = page.querySelector("form[data-subscribe]");
const policy = trustedPolicy();

// Where the browser enforces trusted types, this is the one address of a script that this page can make.
function trustedPolicy() {
  const createScriptURL = () => page.dataset.worker;
  return window.trustedTypes?.createPolicy("service-worker", { createScriptURL }) ?? { createScriptURL };
}

async function endpoint() {
  const registration = await navigator.serviceWorker.register(policy.createScriptURL(""), { scope: "/" });
  await navigator.serviceWorker.ready;
  const options = { userVisibleOnly: true, applicationServerKey: page.dataset.key };
  return (await registration.pushManager.subscribe(options)).endpoint;
}

async function subscribe(event) {
  event.preventDefault();
  try {
    form.elements.endpoint.value = await endpoint();
    form.submit();
  } catch {
    page.querySelector("[data-refused]").hidden = false;
  }
}

if (form && "serviceWorker" in navigator && "PushManager" in window) {
  form.addEventListener("submit", subscribe);
  form.querySelector("button").disabled = false;
} else if (form) {
  page.querySelector("[data-refused]").hidden = false;
}
