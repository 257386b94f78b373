// Has the browser make a passkey, and puts what it answers into the form that sends it.

const form = document.querySelector("form[data-add-passkey]");
const refused = form.querySelector("[data-refused]");

async function created() {
  const answer = await fetch("/account/passkeys/options");
  if (answer.status === 403) location.assign("/account/security");
  if (!answer.ok) throw new Error("no options");
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(await answer.json());
  return navigator.credentials.create({ publicKey });
}

async function add(event) {
  event.preventDefault();
  refused.hidden = true;
  try {
    form.elements.credential.value = JSON.stringify((await created()).toJSON());
    form.submit();
  } catch {
    refused.hidden = false;
  }
}

if (window.PublicKeyCredential?.parseCreationOptionsFromJSON) {
  form.querySelector("button").disabled = false;
  form.addEventListener("submit", add);
} else {
  form.querySelector("[data-without]").hidden = false;
}
