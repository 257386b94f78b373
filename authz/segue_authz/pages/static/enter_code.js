// Takes the code that a QR code's address brought in its fragment into the field. Sending it stays with the person.

const CODE = /^#([B-DF-HJ-NP-TV-XZ-]{8,16})$/i;

function take() {
  const [, code] = location.hash.match(CODE) ?? [];
  if (!location.hash) return;
  history.replaceState(null, "", location.pathname); // the code shall not stay in the address bar or the history
  if (!code) return;
  document.getElementById("user_code").value = code.toUpperCase();
  document.querySelector("[data-from-link]").hidden = false;
}

take();
addEventListener("hashchange", take);
