// Offers the passkeys of this browser where a user name is typed, and by a button; the form sends what the browser answers.

const form = document.querySelector("form[data-passkey]");
const button = form.querySelector("button");
const refused = form.querySelector("[data-refused]");
const FRESH = 240_000; // a challenge is good for 300 seconds
let pending, again;

async function asserted(mediation) {
  pending?.abort();
  clearTimeout(again);
  pending = new AbortController();
  const { signal } = pending;
  const answer = await fetch(form.dataset.options, { signal });
  if (!answer.ok) throw new Error("no options");
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(await answer.json());
  const credential = await navigator.credentials.get({ publicKey, mediation, signal });
  form.elements.credential.value = JSON.stringify(credential.toJSON());
  form.submit();
}

async function offer() {
  if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
  asserted("conditional").catch(() => {});
  again = setTimeout(offer, FRESH);
}

async function ask(event) {
  event.preventDefault();
  refused.hidden = true;
  try {
    await asserted("optional");
  } catch {
    refused.hidden = false;
    offer();
  }
}

if (window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
  button.disabled = false;
  form.addEventListener("submit", ask);
  if (document.querySelector("input[autocomplete~=webauthn]")) offer();
}
