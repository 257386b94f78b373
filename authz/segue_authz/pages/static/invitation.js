// Takes the code that an invitation's address brought in its fragment into the field. Sending it stays with the person.

const CODE = /^#((?:[B-DF-HJ-NP-TV-XZ]{4}-?){4})$/i;

function take() {
  const [, code] = location.hash.match(CODE) ?? [];
  if (!location.hash) return;
  history.replaceState(null, "", location.pathname); // the code shall not stay in the address bar or the history
  if (!code) return;
  document.getElementById("code").value = code.toUpperCase();
  document.querySelector("[data-from-link]").hidden = false;
}

take();
addEventListener("hashchange", take);
