// Keeps a fragment, such as the code of a QR code's address, through signing in: a redirect hands it on (RFC 9110 10.2.2).

for (const form of document.querySelectorAll("form[data-sign-in]")) {
  form.action = form.getAttribute("action") + location.hash;
}
